package main

import (
	"fmt"
	"io"
	"os"
)

// server makes a command end together with the process that holds the other end of its standard input.
// The kernel closes that pipe even when the parent is killed, which no signal handler could promise.
func server(run command) command {
	return func() int {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			fmt.Fprintln(os.Stderr, "standard input has ended: exiting")
			os.Exit(0)
		}()
		return run()
	}
}

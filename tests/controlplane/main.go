// Command controlplane is a Kubernetes control plane in one program, for tests and the demo.
//
// Like busybox it is several commands: the name it is called by, or else its first argument, picks one.
// The servers end when their standard input does, so that whoever started them with a pipe
// takes them along however it ends itself.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A command runs with os.Args as if it were a program of its own, and returns its exit code.
type command func() int

var commands = map[string]command{
	"etcd":                    server(etcd),
	"kube-apiserver":          server(apiServer),
	"kube-controller-manager": server(controllerManager),
	"kubectl":                 kubectl,
}

func main() {
	if run, ok := commands[filepath.Base(os.Args[0])]; ok {
		os.Exit(run())
	}
	if len(os.Args) > 1 {
		if run, ok := commands[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			os.Exit(run())
		}
	}
	fmt.Fprintf(os.Stderr, "usage: %s COMMAND [ARGUMENT...], where COMMAND is %s\n", os.Args[0], names())
	os.Exit(2)
}

func names() string {
	var all []string
	for name := range commands {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// options lead every host of Azure to the simulator. Its authority is trusted through SSL_CERT_FILE.
func options() azcore.ClientOptions {
	dialer := net.Dialer{}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, os.Getenv("SIMULATOR"))
		},
	}
	return azcore.ClientOptions{
		Transport: &http.Client{Transport: transport},
		// Without retries: a refusal is to be seen at once.
		Retry: policy.RetryOptions{MaxRetries: -1},
	}
}

func managing() *arm.ClientOptions {
	return &arm.ClientOptions{ClientOptions: options(), DisableRPRegistration: true}
}

// end waits for the end of a long operation.
func end[T any](poller *runtime.Poller[T], err error) T {
	return must(must(poller, err).PollUntilDone(context.Background(), &runtime.PollUntilDoneOptions{Frequency: time.Second}))
}

// names are those of all items on all pages.
func names[T any](pager *runtime.Pager[T], items func(T) []*string) []string {
	all := []string{}
	for pager.More() {
		for _, name := range items(must(pager.NextPage(context.Background()))) {
			all = append(all, *name)
		}
	}
	return all
}

// refusal is what the client makes of an error: the status and the code that it took from the answer.
func refusal(err error) []any {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return []any{response.StatusCode, response.ErrorCode}
	}
	return []any{err != nil}
}

// fingerprint tells two secrets apart without telling them.
func fingerprint(secret *string) string {
	hash := sha256.Sum256([]byte(*secret))
	return hex.EncodeToString(hash[:8])
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Command smokepopd shows agents who is calling: it takes in a Vodia PBX's call
// events, looks the other party up in Smokeball and pushes a screen pop to the
// agent's browsers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the build.
var version = "unknown"

// Exit codes, as the manual promises.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the exit.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// The first signal asks the daemon to stop in order. After it the signals
	// have their own meaning again: a second one means now.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	profile(stderr)

	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var failed failure
	if errors.As(err, &failed) {
		if failed.err != nil {
			fmt.Fprintf(stderr, "smokepopd: %v\n", failed.err)
		}
		return failed.code
	}
	// Whatever cobra itself refuses is a wrong use of the command line.
	fmt.Fprintf(stderr, "smokepopd: %v\nRun 'smokepopd --help' for usage.\n", err)
	return exitUsage
}

// failure is an error with its exit code. A nil err has been told already.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f failure) Unwrap() error { return f.err }

func newRoot() *cobra.Command {
	root := newGroup("smokepopd", "Screen pops for Smokeball from a Vodia PBX")
	root.SilenceUsage, root.SilenceErrors = true, true
	root.AddCommand(
		newServe(), newDemo(), newCheckConfig(), newAgents(), newAdmin(), newKeys(), newBackup(), newRestore(), newMigrate(), newTrace(), newCalls(), newNumbers(), newDoctor(), newVodia(), newVersion(),
		newVaultInspect(),
	)
	root.AddCommand(buildCommands()...)
	return root
}

// newGroup returns a command that only holds others. Without a RunE of its own
// cobra would take a name it does not know for a wish to see the help, and a
// script would take that for success.
func newGroup(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return failure{code: exitUsage}
		},
	}
}

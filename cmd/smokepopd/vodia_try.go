package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// sample is a webhook for the daemon to judge.
type sample struct {
	Tenant      string `json:"tenant"`
	Event       string `json:"event"`
	Extension   string `json:"extension"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
	Query       string `json:"query"`
}

// trial is what the daemon says of it.
type trial struct {
	Tenant    screenpop.Tenant    `json:"tenant"`
	Status    int                 `json:"status"`
	Verdict   string              `json:"verdict"`
	Reason    string              `json:"reason"`
	Call      screenpop.CallID    `json:"call"`
	State     screenpop.State     `json:"state"`
	Direction screenpop.Direction `json:"direction"`
	Number    string              `json:"number"`
	Display   string              `json:"display"`
	Agents    []struct {
		Extension screenpop.Extension    `json:"extension"`
		Queue     string                 `json:"queue"`
		Pairing   screenpop.PairingState `json:"pairing"`
		Screens   int                    `json:"screens"`
		Pops      string                 `json:"pops"`
	} `json:"agents"`
	Concerned []string       `json:"concerned"`
	Fields    []webhookField `json:"fields"`
	Hints     []string       `json:"hints"`
}

// maxSampleFile is far more than a webhook may have.
const maxSampleFile = 256 << 10

func newVodiaTry() *cobra.Command {
	flags := &adminFlags{}
	var s sample
	cmd := &cobra.Command{
		Use:   "try FILE",
		Short: "Say what would become of a webhook whose body is in FILE (- is the standard input); nothing is sent or kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := readSample(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			s.Body, s.Query = body, strings.TrimPrefix(s.Query, "?")
			c, err := flags.client()
			if err != nil {
				return err
			}
			var t trial
			if err := c.call(cmd.Context(), http.MethodPost, "/v1/dry-run", nil, s, &t); err != nil {
				return err
			}
			if flags.json {
				return printJSON(cmd, t)
			}
			t.print(cmd.OutOrStdout())
			return nil
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&s.Tenant, "tenant", "", "the PBX domain; needed where several are configured")
	cmd.Flags().StringVar(&s.ContentType, "content-type", "", "the body's content type, such as application/json (default: none, as some PBXs send it)")
	cmd.Flags().StringVar(&s.Query, "query", "", "the query string of the address, where the template has fields in it")
	cmd.Flags().StringVar(&s.Event, "event", "", "the event in the address /hooks/vodia/DOMAIN/EVENT/EXTENSION")
	cmd.Flags().StringVar(&s.Extension, "extension", "", "the extension in that address")
	return cmd
}

func readSample(name string, stdin io.Reader) (string, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", failure{exitUsage, err}
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxSampleFile+1))
	switch {
	case err != nil:
		return "", failure{exitFailed, fmt.Errorf("read %s: %w", name, err)}
	case len(b) > maxSampleFile:
		return "", failure{exitUsage, errors.New("the file is too large for a webhook: it holds one event, some hundred bytes")}
	}
	return strings.TrimSpace(string(b)), nil
}

// print says in plain words what would become of the event.
func (t *trial) print(w io.Writer) {
	fmt.Fprintf(w, "%s (the PBX would be answered %d)", printableText(t.Verdict), t.Status)
	if t.Reason != "" {
		fmt.Fprintf(w, ": %s", printableText(t.Reason))
	}
	fmt.Fprintln(w)
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-10s %s\n", what, printableText(text))
		}
	}
	line("tenant", string(t.Tenant))
	line("call", string(t.Call))
	line("state", string(t.State))
	line("direction", string(t.Direction))
	if t.Number != "" && t.Number != t.Display {
		line("number", t.Number+" ("+t.Display+")")
	} else {
		line("number", t.Number)
	}
	if len(t.Agents) == 0 {
		line("concerns", strings.Join(t.Concerned, ", "))
	}
	if len(t.Agents) > 0 {
		fmt.Fprintln(w, "\nWho would have the call:")
		for _, a := range t.Agents {
			fmt.Fprintf(w, "  extension %s: %s\n", printableText(string(a.Extension)), popWould(a.Pairing, a.Pops, a.Screens))
		}
	}
	if len(t.Fields) > 0 {
		fmt.Fprintln(w, "\nWhat is in it:")
		printFields(w, t.Fields)
	}
	if len(t.Hints) > 0 {
		fmt.Fprintln(w, "\nWhat to change:")
		for _, h := range t.Hints {
			fmt.Fprintf(w, "  - %s\n", printableText(h))
		}
	}
	fmt.Fprintln(w, "\nNothing was sent, looked up or kept. It was judged as the first event of its call.")
}

// popWould tells whether an agent would see a pop as things are.
func popWould(pairing screenpop.PairingState, pops string, screens int) string {
	switch {
	case pairing == screenpop.Unpaired:
		return "no pop: not paired with Smokeball"
	case pairing == screenpop.Expired:
		return "no pop: the pairing has expired"
	case pops == "off":
		return "no pop: the agent's settings show no calls of this direction"
	}
	when := "a pop when it rings"
	if pops == string(screenpop.Connected) {
		when = "a pop when it is answered"
	}
	switch screens {
	case 0:
		return when + ", but no screen is open now"
	case 1:
		return when + ", on 1 screen"
	}
	return fmt.Sprintf("%s, on %d screens", when, screens)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// numbersReport is what is wrong with the numbers of a firm's contacts.
type numbersReport struct {
	screenpop.AgentID
	Contacts      int       `json:"contacts"`
	WithoutNumber int       `json:"without_number"`
	Numbers       int       `json:"numbers"`
	Good          int       `json:"good"`
	Bad           int       `json:"bad"`
	Complete      bool      `json:"complete"`
	Began         time.Time `json:"began"`
	Milliseconds  int64     `json:"milliseconds"`
	Faults        []struct {
		Reason  string `json:"reason"`
		Meaning string `json:"meaning"`
		Do      string `json:"do"`
		Count   int    `json:"count"`
		Records []struct {
			ID    string `json:"id"`
			Field string `json:"field"`
			Link  string `json:"link"`
		} `json:"records"`
		More int `json:"more"`
	} `json:"faults"`
}

func newNumbers() *cobra.Command {
	flags := &adminFlags{}
	var w who
	var links bool
	cmd := &cobra.Command{
		Use:   "numbers",
		Short: "Look through the numbers of the firm's contacts for those that no call can match; nothing is kept",
		Long: "Reads the contacts that an agent may see, page by page and behind every call, with the agent's own authorisation: " +
			"that of --extension, else of the first agent who is paired. Ctrl-C ends it. Nothing is kept, and no name or number is shown.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := flags.client()
			if err != nil {
				return err
			}
			q := w.query()
			q.Set("progress", "1")
			body, err := c.open(cmd.Context(), http.MethodGet, "/v1/numbers", q, nil)
			if err != nil {
				return err
			}
			defer body.Close()
			r, err := readNumbers(cmd.Context(), body, func(read, of int) {
				if of > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d contacts\n", min(read, of), of)
					return
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "%d contacts\n", read)
			})
			switch {
			case err != nil:
				return err
			case flags.json:
				return printJSON(cmd, r)
			}
			r.print(cmd.OutOrStdout(), links)
			return nil
		},
	}
	flags.register(cmd)
	w.register(cmd, false)
	cmd.Flags().BoolVar(&links, "links", false, "print the links of the records in Smokeball, up to 100 for each reason")
	return cmd
}

// readNumbers reads lines of progress until the report, or what went wrong.
func readNumbers(ctx context.Context, body io.Reader, progress func(read, of int)) (numbersReport, error) {
	dec := json.NewDecoder(body)
	for {
		var line struct {
			Progress *struct{ Read, Of int }
			Report   *numbersReport
			Problem  string
		}
		err := dec.Decode(&line)
		switch {
		case ctx.Err() != nil:
			return numbersReport{}, failure{exitFailed, errors.New("ended before all contacts were read; nothing was kept")}
		case err != nil:
			return numbersReport{}, failure{exitFailed, fmt.Errorf("the daemon has ended it: %w", err)}
		case line.Problem != "":
			return numbersReport{}, failure{exitFailed, errors.New(line.Problem)}
		case line.Report != nil:
			return *line.Report, nil
		case line.Progress != nil:
			progress(line.Progress.Read, line.Progress.Of)
		}
	}
}

func (r *numbersReport) print(w io.Writer, links bool) {
	fmt.Fprintf(w, "%s, as extension %s sees it: %d contacts, %d without a number.\n", r.Tenant, r.Extension, r.Contacts, r.WithoutNumber)
	fmt.Fprintf(w, "%d numbers: %d can be matched, %d never will be as they are written.\n", r.Numbers, r.Good, r.Bad)
	if !r.Complete {
		fmt.Fprintln(w, "There are more contacts than were read.")
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "\n%5d  %s: %s\n       %s\n", f.Count, printableText(f.Reason), printableText(f.Meaning), printableText(f.Do))
		if !links {
			continue
		}
		for _, one := range f.Records {
			fmt.Fprintf(w, "       %s  %s\n", printableText(one.Field), printableText(one.Link))
		}
		if f.More > 0 {
			fmt.Fprintf(w, "       and %d more\n", f.More)
		}
	}
	if r.Bad > 0 && !links {
		fmt.Fprintln(w, "\nWith --links the records in Smokeball are listed, for somebody of the firm to mend.")
	}
}

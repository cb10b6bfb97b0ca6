// Command crm is the simulated Smokeball as a process of its own, so that the
// bench measures smokepop and not the simulator in one process with it. On a
// second address the bench tells it how slow to be, lets agents sign in, and
// asks how often contacts were searched.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/simulator"
)

func main() {
	agents := flag.Int("agents", 1000, "how many Smokeball users there are: agent0@firm.example and so on")
	contacts := flag.Int("contacts", 5000, "how many contacts there are, each with a number of its own")
	callback := flag.String("callback", "", "the redirect URI of smokepop")
	flag.Parse()
	c := newCRM(*agents, *contacts, *callback)
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	client := simulator.DefaultClient()
	fmt.Fprintln(os.Stdout, outside.Addr(), control.Addr(), client.ID, client.Secret, client.APIKey)
	ended := make(chan error, 2)
	go func() { ended <- http.Serve(outside, c.smokeball) }()
	go func() { ended <- http.Serve(control, c.control()) }()
	log.Fatal(<-ended)
}

// number is the national number of contact i; the exchange 555 has no
// subscribers.
func number(i int) (area, line string) {
	return strconv.Itoa(201 + i/10_000), fmt.Sprintf("555%04d", i%10_000)
}

type crm struct {
	smokeball *simulator.Smokeball

	mu   sync.Mutex
	undo func() // takes the latency back
}

func newCRM(agents, contacts int, callback string) *crm {
	f := &simulator.Firm{Name: "Bench", Domain: "bench.example", Region: "us", Country: "US"}
	for i := range agents {
		email, id := fmt.Sprintf("agent%d@firm.example", i), fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
		f.Staff = append(f.Staff, simulator.Staff{ID: id, UserID: id, FirstName: "Agent", LastName: strconv.Itoa(i), Email: email})
	}
	for i := range contacts {
		area, line := number(i)
		f.Contacts = append(f.Contacts, simulator.Contact{
			ID: fmt.Sprintf("%08x-0000-4000-8000-000000000001", i), VersionID: fmt.Sprintf("%08x-0000-4000-8000-000000000002", i),
			LastUpdated: 639_028_224_000_000_000,
			Person: &simulator.Person{FirstName: "Maria", LastName: fmt.Sprintf("Santos-%05d", i), Email: fmt.Sprintf("maria%d@client.example", i),
				Cell: simulator.Phone{AreaCode: area, Number: line[:3] + "-" + line[3:]}},
		})
	}
	return &crm{undo: func() {}, smokeball: simulator.NewSmokeball(simulator.Options{
		Firm: f, Clients: []simulator.Client{simulator.DefaultClient(callback)},
		RateLimit: simulator.RateLimit{PerSecond: -1}, AccessLife: 24 * time.Hour,
	})}
}

// control is what the bench talks to.
func (c *crm) control() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /latency/{duration}", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.PathValue("duration"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.undo()
		c.undo = c.smokeball.Inject(simulator.Fault{Endpoint: simulator.ContactsEndpoint, Latency: d})
	})
	m.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		target, err := c.smokeball.SignIn(r.FormValue("url"), r.FormValue("email"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, strings.TrimSpace(target))
	})
	m.HandleFunc("POST /forget", func(http.ResponseWriter, *http.Request) { c.smokeball.Forget() })
	m.HandleFunc("GET /searches", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, c.smokeball.Count(simulator.ContactsEndpoint))
	})
	return m
}

package simulator_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/smokepop/smokepop/internal/simulator"
)

func TestFaultsOfThePBX(t *testing.T) {
	for name, row := range map[string]struct {
		fault PBXFault
		good  func(answer, error) bool
	}{
		"401":   {PBXFault{Status: 401, Body: "no"}, func(a answer, _ error) bool { return a.status == 401 && a.body == "no" }},
		"500":   {PBXFault{Path: "/users", Status: 500}, func(a answer, _ error) bool { return a.status == 500 && a.body == "" }},
		"page":  {PBXPage(""), func(a answer, _ error) bool { return a.status == 200 && a.header.Get("Content-Type") == "text/html" }},
		"reset": {PBXFault{Reset: true}, func(_ answer, err error) bool { return err != nil }},
		"elsewhere": {PBXFault{Path: "/groups", Status: 500}, func(a answer, err error) bool {
			return a.status == 200
		}},
		"other method": {PBXFault{Method: "POST", Status: 500}, func(a answer, err error) bool { return a.status == 200 }},
		"later":        {PBXFault{After: 1, Status: 500}, func(a answer, err error) bool { return a.status == 200 }},
	} {
		r := newRest(t, nil)
		undo := r.Inject(row.fault)
		if a, err := r.try("GET", inFirm+"/users", asAdmin, ""); !row.good(a, err) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if a, err := r.try("GET", inFirm+"/users", asAdmin, ""); name == "later" && a.status != 500 {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		undo()
		if a := r.ask("GET", inFirm+"/users", asAdmin, ""); a.status != 200 {
			t.Errorf("%s is not undone: %+v", name, a)
		}
	}
}

func TestAFaultIsUsedUp(t *testing.T) {
	r := newRest(t, nil)
	r.Inject(PBXFault{Status: 500, Times: 2}, PBXFault{Status: 404, Times: 1})
	for _, want := range []int{500, 500, 404, 200} {
		if a := r.ask("GET", inFirm+"/users", asAdmin, ""); a.status != want {
			t.Errorf("%d, want %d", a.status, want)
		}
	}
}

func TestAHangingAndASlowPBX(t *testing.T) {
	r := newRest(t, func(o *PBXOptions) {
		o.Sleep = func(_ context.Context, d time.Duration) error {
			if d != 7*time.Second {
				t.Errorf("slow by %v", d)
			}
			return nil
		}
	})
	undo := r.Inject(PBXFault{Hang: true})
	ctx, leave := context.WithCancel(t.Context())
	q, _ := http.NewRequestWithContext(ctx, "POST", r.url+inFirm+"/users", strings.NewReader("{}"))
	ended := make(chan error)
	go func() {
		_, err := r.http.Do(q) //nolint:bodyclose // there is none
		ended <- err
	}()
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	undo()
	r.Inject(PBXFault{Latency: 7 * time.Second})
	if a := r.ask("GET", inFirm+"/users", asAdmin, ""); a.status != 200 {
		t.Errorf("%+v", a)
	}
}

func TestALostAnswerHasTakenEffect(t *testing.T) {
	r := newRest(t, nil)
	r.Inject(PBXFault{Method: "POST", LosesAnswer: true})
	if a, err := r.try("POST", inFirm+"/user_settings/101", asAdmin, `{"acturl_connect":"{\"url\":\"https://x.example/\"}"}`); err == nil {
		t.Errorf("%+v", a)
	}
	if len(r.Hooks("101")) != 1 {
		t.Error("nothing was installed")
	}
}

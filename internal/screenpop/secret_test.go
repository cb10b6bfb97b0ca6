package screenpop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	. "github.com/smokepop/smokepop/internal/screenpop"
)

// Nothing that formats, logs or marshals these values may show what they hide.
func TestHiddenWherePrinted(t *testing.T) {
	values := map[string]any{
		"secret":  Secret("hush-4711"),
		"number":  Number{Canonical: "+16175554711", Display: "hush-4711"},
		"contact": Contact{ID: "id", Name: "hush-4711"},
		"agent":   Agent{AgentID: AgentID{"firm.example", "101"}, Name: "hush-4711", Email: "hush-4711"},
		"call":    Call{ID: "c", Number: Number{Canonical: "+16175554711", Display: "hush-4711"}},
	}
	for name, v := range values {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("seen", "value", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("seen", "value", v)
		if s := log.String(); strings.Contains(s, "hush") || strings.Contains(s, "5554711") { // more digits than a time has
			t.Errorf("%s in a log: %s", name, s)
		}
	}
	for _, format := range []string{"%v", "%s", "%+v", "%#v", "%q"} {
		if s := fmt.Sprintf(format, Secret("hush-4711")); strings.Contains(s, "hush") {
			t.Errorf("Secret with %s: %s", format, s)
		}
	}
	b, err := json.Marshal(struct{ S Secret }{"hush-4711"})
	if err != nil || strings.Contains(string(b), "hush") {
		t.Errorf("Secret as JSON: %s, %v", b, err)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{"": "", "101": "***", "0000": "****", "13111": "***11", "+16173998147": "**********47"} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCallOnTheWire(t *testing.T) {
	in := `{"id":"c","direction":"inbound","state":"ringing","number":"+16173998147","display":"(617) 399-8147","queue":"","started":"2026-11-23T09:00:00Z"}`
	var c Call
	if err := json.Unmarshal([]byte(in), &c); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(c)
	if err != nil || string(out) != in {
		t.Errorf("got %s, %v\nwant %s", out, err, in)
	}
}

package simulator

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed scenarios/*.yaml
var recorded embed.FS

// Recordings returns every recording that comes with the simulator, by name.
func Recordings() ([]Recording, error) {
	names, err := fs.Glob(recorded, "scenarios/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	out := make([]Recording, 0, len(names))
	var problems []error
	for _, name := range names {
		f, err := recorded.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open recording: %w", err)
		}
		r, err := ReadRecording(strings.TrimSuffix(path.Base(name), ".yaml"), f)
		problems = append(problems, err, f.Close())
		out = append(out, r)
	}
	return out, errors.Join(problems...)
}

// recordingFile is a recording as it is written.
type recordingFile struct {
	Title    string                  `yaml:"title"`
	Covers   []Property              `yaml:"covers"`
	Firm     string                  `yaml:"firm"`
	Only     string                  `yaml:"only"`
	Calls    map[string]recordedCall `yaml:"calls"`
	Timeline []recordedBeat          `yaml:"timeline"`
}

type recordedCall struct {
	Direction string        `yaml:"direction"`
	From      string        `yaml:"from"`
	FromName  string        `yaml:"from_name"`
	To        string        `yaml:"to"`
	Queue     string        `yaml:"queue"`
	Shows     *recordedCard `yaml:"shows"`
}

type recordedCard struct {
	Number    string   `yaml:"number"`
	Direction string   `yaml:"direction"`
	Contacts  []string `yaml:"contacts"`
	Queue     string   `yaml:"queue"`
	Dialled   string   `yaml:"dialled"`
}

// recordedBeat is a step or a sight.
type recordedBeat struct {
	At time.Duration `yaml:"at"`

	Send      EventKind `yaml:"send"`
	Call      string    `yaml:"call"`
	Leg       string    `yaml:"leg"`
	Extension string    `yaml:"ext"`
	To        string    `yaml:"to"`
	By        string    `yaml:"by"`
	Lost      bool      `yaml:"lost"`

	See map[string]recordedView `yaml:"see"`
}

type recordedView struct {
	Pops   []string `yaml:"pops"`
	Recent []string `yaml:"recent"`
}

// ReadRecording reads a recording. Its error names every problem of the file
// with the place it is at.
func ReadRecording(name string, from io.Reader) (Recording, error) {
	d := yaml.NewDecoder(from)
	d.KnownFields(true)
	var f recordingFile
	if err := d.Decode(&f); err != nil {
		return Recording{}, fmt.Errorf("recording %s: %w", name, err)
	}
	firm, err := firmOf(f.Firm)
	if err != nil {
		return Recording{}, fmt.Errorf("recording %s: %w", name, err)
	}
	b := builder{file: f, firm: firm, out: Recording{Name: name, Title: f.Title, Covers: f.Covers, Firm: f.Firm, Only: f.Only}}
	b.head()
	for i, beat := range f.Timeline {
		b.beat(fmt.Sprintf("timeline[%d]", i), beat)
	}
	b.whole()
	if len(b.problems) > 0 {
		return Recording{}, fmt.Errorf("recording %s: %w", name, errors.Join(b.problems...))
	}
	return b.out, nil
}

package vault

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// A file that makes the check go round in circles is damaged.
func TestChildThatHangsIsEnded(t *testing.T) {
	err := inspectInChild(t.Context(), 200*time.Millisecond, "any.db", os.Args[0], []string{"hanging"})
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "has not ended after 200ms") {
		t.Errorf("%v", err)
	}
}

package vault_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	. "github.com/smokepop/smokepop/internal/vault"
)

const writerEnv = "SMOKEPOP_TEST_VAULT_WRITER"

func writerDir() string { return os.Getenv(writerEnv) }

func fixedRing() KeyRing {
	k, err := NewKey("k1", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	r, err := NewKeyRing(k)
	if err != nil {
		panic(err)
	}
	return r
}

// writeForever counts up in the store and says each number once it is written.
func writeForever(dir string) {
	ctx := context.Background()
	s, err := Open(ctx, dir, fixedRing(), Options{})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	v, _, err := s.Get(ctx, token)
	n, _ := strconv.Atoi(string(bytes.TrimRight(v, ".")))
	for err == nil {
		n++
		err = s.Put(ctx, token, append([]byte(strconv.Itoa(n)), bytes.Repeat([]byte{'.'}, n*97%5000)...))
		fmt.Println(n)
	}
	fmt.Println("error:", err)
}

// Whatever was acknowledged is there after a kill -9, in a store that opens.
func TestKilledWhileWriting(t *testing.T) {
	dir := stateDir(t)
	for round := range 5 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), writerEnv+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		said, lines := 0, bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatalf("round %d: the child says %s", round, lines.Text())
			}
			said = n
			if i == 20+7*round {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()
		s, err := Open(t.Context(), dir, fixedRing(), Options{})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		v, _, err := s.Get(t.Context(), token)
		n, _ := strconv.Atoi(string(bytes.TrimRight(v, ".")))
		// One more may have been written and not said any more.
		if err != nil || n < said || n > said+1 {
			t.Errorf("round %d: %d was acknowledged, %d is there: %v", round, said, n, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

package main

import (
	"fmt"
	"strconv"

	"github.com/gorilla/websocket"
)

// baseline is the plainest server; see bench/baseline.
type baseline struct{ p *process }

// startBaseline starts one whose frames have as many bytes as smokepop's.
func startBaseline(path string, frame int, env ...string) (*baseline, error) {
	p, err := startPrinting(env, path, "-frame", strconv.Itoa(frame))
	return &baseline{p}, err
}

func (b *baseline) name() string      { return "baseline" }
func (b *baseline) address() string   { return b.p.first }
func (b *baseline) process() *process { return b.p }
func (b *baseline) ends() bool        { return false }

func (b *baseline) firm(i int) (string, string) { return domain, extension(i) }

func (b *baseline) dial(i int) (*websocket.Conn, error) {
	return open(i, "ws://"+b.address()+"/ws?extension="+extension(i), nil)
}

func (b *baseline) memory() (allocations, inUse uint64, err error) {
	doc, err := get("http://" + b.address() + "/allocations")
	if err == nil {
		_, err = fmt.Sscan(doc, &allocations, &inUse)
	}
	return allocations, inUse, err
}

func (b *baseline) stop() error { return b.p.stop() }

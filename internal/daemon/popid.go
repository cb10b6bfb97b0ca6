package daemon

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"sync"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// popIDs makes the ids of pops of what they are for, so that a call that goes on
// at another node, which knows nothing of it, has the pop that it had.
type popIDs struct {
	secret []byte

	mu   sync.Mutex
	made map[popKey]uint32
	keys []popKey // the oldest first
}

type popKey struct {
	agent screenpop.AgentID
	call  screenpop.CallID
}

// popsRemembered is of how many calls it is known how many pops they had.
const popsRemembered = 4096

func (p *popIDs) next(agent screenpop.AgentID, call screenpop.CallID) string {
	p.mu.Lock()
	key := popKey{agent, call}
	if p.made == nil {
		p.made = map[popKey]uint32{}
	}
	n, known := p.made[key]
	if !known {
		if len(p.keys) == popsRemembered {
			delete(p.made, p.keys[0])
			p.keys = p.keys[1:]
		}
		p.keys = append(p.keys, key)
	}
	p.made[key] = n + 1
	p.mu.Unlock()

	h := hmac.New(sha256.New, p.secret)
	for _, word := range []string{string(agent.Tenant), string(agent.Extension), string(call)} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(word))))
		h.Write([]byte(word))
	}
	h.Write(binary.BigEndian.AppendUint32(nil, n))
	return base32.StdEncoding.EncodeToString(h.Sum(nil))[:26]
}

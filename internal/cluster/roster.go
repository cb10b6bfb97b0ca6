package cluster

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Partitions is how many parts the tenants are spread over: enough to spread
// them evenly over a few members, few enough to look at all of them often. It is
// the same for ever: it says which part a tenant is of.
const Partitions = 64

// PartOf returns the part of a tenant.
func PartOf(tenant string) int {
	return int(binary.BigEndian.Uint64(digest("tenant", tenant)) % Partitions)
}

func digest(words ...string) []byte {
	h := sha256.New()
	for _, w := range words {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(w))))
		h.Write([]byte(w))
	}
	return h.Sum(nil)
}

// roster is who takes part and who owns what. There is one, in the coordination
// bucket; members change it by compare-and-set.
type roster struct {
	Members map[string]member `json:"members"` // by id
	Parts   map[int]string    `json:"parts"`   // a part's owner; none: nobody's
}

// member is one run of one node.
type member struct {
	Node    string `json:"node"`
	Leaving bool   `json:"leaving,omitempty"` // it takes no part any more, and hands over those it has
	// New: it has joined a moment ago. What others have is not handed over to it yet,
	// and of what a dead member had it takes nothing where there is somebody else.
	New   bool   `json:"new,omitempty"`
	Build string `json:"build,omitempty"`
}

// decodeRoster reads what members have written. Parts that there are not, and owners
// without a name, are nobody's.
func decodeRoster(b []byte) (*roster, error) {
	r := &roster{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read the roster: %w", err)
	}
	if r.Members == nil {
		r.Members = map[string]member{}
	}
	if r.Parts == nil {
		r.Parts = map[int]string{}
	}
	maps.DeleteFunc(r.Parts, func(part int, owner string) bool { return part < 0 || part >= Partitions || owner == "" })
	return r, nil
}

func (r *roster) clone() *roster {
	return &roster{maps.Clone(r.Members), maps.Clone(r.Parts)}
}

// owner picks who has to own a part: of those that are alive and stay, the one
// with the highest digest together with the part (rendezvous hashing). When a
// member comes or goes, only its own parts move. It returns "" where there is
// nobody.
func (r *roster) owner(part int, alive func(id string) bool) string {
	return r.highest(part, func(id string) bool { return alive(id) && !r.Members[id].Leaving })
}

// heir picks who goes on with what a dead member had: as owner does, but of those
// that are not new, where there are some. Who has died is often back in a moment,
// with everything to do at once and nothing at hand.
func (r *roster) heir(part int, alive func(id string) bool) string {
	heir := r.highest(part, func(id string) bool { return alive(id) && !r.Members[id].Leaving && !r.Members[id].New })
	if heir == "" {
		heir = r.owner(part, alive)
	}
	return heir
}

func (r *roster) highest(part int, among func(id string) bool) string {
	best, score := "", uint64(0)
	for _, id := range slices.Sorted(maps.Keys(r.Members)) {
		if !among(id) {
			continue
		}
		node := r.Members[id].Node
		s := binary.BigEndian.Uint64(digest("part", node, strconv.Itoa(part)))
		if best == "" || cmp.Or(cmp.Compare(s, score), cmp.Compare(node, r.Members[best].Node)) > 0 {
			best, score = id, s
		}
	}
	return best
}

// step returns the roster as a member has to make it, nil where nothing has to
// be changed: parts that are nobody's are taken by who has to own them, a dead
// member's by its heir. let are the member's own parts that it has let go of.
func (r *roster) step(me string, alive func(id string) bool, let, wanted func(part int) bool) *roster {
	next := r.clone()
	changed := false
	for part := range Partitions {
		holder, held := r.Parts[part]
		switch {
		case held && holder == me && let(part):
			delete(next.Parts, part)
			changed = true
		case held && (holder == me || alive(holder)), !wanted(part):
		case !held && r.owner(part, alive) == me, held && r.heir(part, alive) == me:
			next.Parts[part] = me
			changed = true
		}
	}
	for id := range r.Members {
		if id != me && !alive(id) && !slices.Contains(slices.Collect(maps.Values(next.Parts)), id) {
			delete(next.Members, id)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return next
}

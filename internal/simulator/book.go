package simulator

import (
	"slices"
	"strings"
	"sync"
)

// PhoneIndex is a reading of what a search for "phone:" looks at. Smokeball
// does not say; the zero PhoneIndex is the likeliest reading: every phone
// field, area code and number joined as they were typed, punctuation kept,
// wildcards honoured.
type PhoneIndex struct {
	// Fields limits the search to these: "phone", "phone2", "cell", "fax", or
	// with a kind, "company.phone". Nil is all of them.
	Fields []string
	Join   Join
	// StripPunctuation keeps the digits only, on both sides of the comparison.
	StripPunctuation bool
	// NoWildcards takes "*" for a character like any other.
	NoWildcards bool
}

// Join is what an index makes of area code and number.
type Join int

// The ways of joining.
const (
	Concatenated Join = iota // "617" and "5550142" are found as "6175550142"
	NumberOnly               // the area code is not indexed
	Separate                 // area code and number are two values
)

func (x PhoneIndex) values(c *Contact) []string {
	var out []string
	for _, f := range c.phones() {
		if x.Fields != nil && !slices.Contains(x.Fields, f.name) && !slices.Contains(x.Fields, f.full) {
			continue
		}
		candidates := []string{f.phone.AreaCode + f.phone.Number}
		switch x.Join {
		case NumberOnly:
			candidates = []string{f.phone.Number}
		case Separate:
			candidates = []string{f.phone.AreaCode, f.phone.Number}
		}
		for _, v := range candidates {
			if v = x.fold(v); v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

func (x PhoneIndex) fold(s string) string {
	if !x.StripPunctuation {
		return strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

type gram [3]byte

// book is the contacts with an index of three-character runs of their numbers,
// so that a search of 100,000 contacts looks at hundreds.
type book struct {
	index PhoneIndex

	mu       sync.RWMutex
	contacts []*Contact
	at       map[string]int
	numbers  [][]string
	grams    map[gram][]int32
}

func newBook(index PhoneIndex, contacts []Contact) *book {
	b := &book{index: index, at: make(map[string]int, len(contacts)), grams: map[gram][]int32{}}
	b.put(contacts)
	return b
}

// put adds contacts or replaces them by id. Postings of a number that is no
// longer there stay: a search looks at the contact itself before it answers.
func (b *book) put(contacts []Contact) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range contacts {
		i, known := b.at[c.ID]
		if !known {
			i = len(b.contacts)
			b.at[c.ID] = i
			b.contacts, b.numbers = append(b.contacts, nil), append(b.numbers, nil)
		}
		b.contacts[i], b.numbers[i] = &c, b.index.values(&c)
		for _, v := range b.numbers[i] {
			for k := 0; k+3 <= len(v); k++ {
				g := gram([]byte(v[k : k+3]))
				b.grams[g] = append(b.grams[g], int32(i))
			}
		}
	}
}

func (b *book) get(id string) (*Contact, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	i, ok := b.at[id]
	if !ok {
		return nil, false
	}
	return b.contacts[i], true
}

// find returns the contacts that every term matches, in the order they came
// into the book. Contacts are never changed in place, so what it returns may
// be read without a lock.
func (b *book) find(terms []term) []*Contact {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var out []*Contact
	for _, i := range b.candidates(terms) {
		if b.matches(int(i), terms) {
			out = append(out, b.contacts[i])
		}
	}
	return out
}

func (b *book) candidates(terms []term) []int32 {
	var best []int32
	found := false
	for _, t := range terms {
		if t.field != "phone" || t.not {
			continue
		}
		fragment := b.pattern(t).text
		for k := 0; k+3 <= len(fragment); k++ {
			if posted := b.grams[gram([]byte(fragment[k:k+3]))]; !found || len(posted) < len(best) {
				best, found = posted, true
			}
		}
	}
	if found {
		best = slices.Clone(best)
		slices.Sort(best)
		return slices.Compact(best)
	}
	all := make([]int32, len(b.contacts))
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

func (b *book) matches(i int, terms []term) bool {
	for _, t := range terms {
		var hit bool
		switch t.field {
		case "phone":
			hit = slices.ContainsFunc(b.numbers[i], b.pattern(t).matches)
		case "email":
			hit = wildcard(t.value).matches(strings.ToLower(b.contacts[i].email()))
		case "name":
			hit = wildcard(t.value).matches(strings.ToLower(b.contacts[i].Name()))
		}
		if hit == t.not {
			return false
		}
	}
	return true
}

// pattern reads a phone term the way this index does.
func (b *book) pattern(t term) pattern {
	p := wildcard(t.value)
	if b.index.NoWildcards {
		p = pattern{text: t.value}
	}
	if b.index.StripPunctuation {
		p.text = b.index.fold(p.text)
	}
	return p
}

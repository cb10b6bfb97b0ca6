package numbering

import (
	"slices"
	"strings"
	"unicode"
)

// A piece is digits that belong together as far as the writing tells: no word,
// comma, plus or line break stands between them. Whether a piece is one number
// or several is for the number plan to say.
type piece struct {
	plus   bool
	groups []group
}

// A group is an unbroken run of digits and what stood before it in its piece.
type group struct {
	digits string
	before gap
}

// gap is what separates two groups of a piece.
type gap byte

const (
	tight gap = iota // dash, dot, bracket: always inside one number
	blank            // inside a number, or between two
	slash            // rather between two numbers than inside one
)

func (p piece) digits() string {
	if len(p.groups) == 1 {
		return p.groups[0].digits
	}
	var b strings.Builder
	for _, g := range p.groups {
		b.WriteString(g.digits)
	}
	return b.String()
}

func (p piece) has(g gap) bool {
	return slices.ContainsFunc(p.groups, func(x group) bool { return x.before == g })
}

// text is a phone field taken apart.
type text struct {
	pieces []piece
	words  bool // letters other than those that announce an extension
	first  bool // the field begins with its first piece, not with a word
	// bare: an extension is announced, and there is no number before it.
	bare bool
}

// extensionWord tells whether a word announces an extension: the digits behind
// it are not part of the number.
func extensionWord(w string) bool {
	switch strings.ToLower(w) {
	case "x", "ex", "ext", "extn", "xtn", "extension":
		return true
	}
	return false
}

// maxExtension is the most digits an extension has; more are a number.
const maxExtension = 7

// maxRunes bounds what is scanned. Half of a longer field could read as a
// number that is not in it.
const maxRunes = 256

// scan takes a phone field apart. It never turns letters into digits: "1800
// FLOWERS" has four digits. ok is false for a field that is too long.
func scan(s string) (t text, ok bool) {
	if len(s) > 4*maxRunes {
		return text{}, false
	}
	sc := scanner{}
	sc.first = true
	n := 0
	for _, r := range s {
		if n++; n > maxRunes {
			return text{}, false
		}
		sc.rune(r)
	}
	sc.endGroup()
	sc.endWord()
	sc.endPiece()
	return sc.text, true
}

type scanner struct {
	text
	piece   piece
	group   []byte
	word    []rune
	before  gap
	dropExt bool // the next group is an extension
}

func (sc *scanner) rune(r rune) {
	switch d, ok := digit(r); {
	case ok:
		sc.endWord()
		sc.group = append(sc.group, d)
		return
	case unicode.Is(unicode.Cf, r):
		return // direction marks and the like that come with copied numbers
	case unicode.IsLetter(r):
		sc.endGroup()
		sc.word = append(sc.word, narrow(r))
		return
	}
	sc.endGroup()
	sc.endWord()
	switch r = narrow(r); {
	case r == '+':
		sc.endPiece()
		sc.piece.plus = true
	case r == '#', r == '~':
		sc.extension()
	case r == '/', r == '\\':
		sc.before = slash
	case r == '\n', r == '\r':
		sc.endPiece()
	case unicode.IsSpace(r):
		sc.before = max(sc.before, blank)
	case strings.ContainsRune("-.()[]{}_'’:=", r), unicode.Is(unicode.Pd, r), r == '·', r == '•', r == '−':
	default:
		sc.endPiece()
	}
}

func (sc *scanner) endGroup() {
	if len(sc.group) == 0 {
		return
	}
	g := group{digits: string(sc.group), before: sc.before}
	sc.group, sc.before = sc.group[:0], tight
	if sc.dropExt {
		sc.dropExt = false
		sc.endPiece()
		if len(g.digits) <= maxExtension {
			return
		}
	}
	sc.piece.groups = append(sc.piece.groups, g)
}

func (sc *scanner) endWord() {
	if len(sc.word) == 0 {
		return
	}
	w := string(sc.word)
	sc.word = sc.word[:0]
	if extensionWord(w) && len(sc.piece.groups) > 0 {
		sc.extension()
		return
	}
	sc.dropExt = false
	sc.words = true
	sc.bare = sc.bare || extensionWord(w) && len(sc.pieces) == 0
	if len(sc.pieces) == 0 && len(sc.piece.groups) == 0 {
		sc.first = false
	}
	sc.endPiece()
}

// extension says that the digits to come are an extension, if there is a
// number for it to belong to.
func (sc *scanner) extension() {
	if len(sc.piece.groups) == 0 {
		sc.bare = sc.bare || len(sc.pieces) == 0
		return
	}
	sc.endPiece()
	sc.dropExt = true
}

func (sc *scanner) endPiece() {
	if len(sc.piece.groups) > 0 {
		sc.pieces = append(sc.pieces, sc.piece)
	}
	sc.piece, sc.before = piece{}, tight
}

// digit returns the ASCII digit of a decimal digit of any script. Unicode puts
// the ten digits of a script side by side, the zero first.
func digit(r rune) (byte, bool) {
	if r < unicode.MaxASCII {
		return byte(r), r >= '0' && r <= '9'
	}
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return '0' + byte((r-rune(t.Lo))%10), true
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return '0' + byte((r-rune(t.Lo))%10), true
		}
	}
	return 0, false
}

// narrow returns the ASCII form of a full-width character.
func narrow(r rune) rune {
	if r >= '！' && r <= '～' {
		return r - '！' + '!'
	}
	return r
}

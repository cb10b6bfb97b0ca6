package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Firm is a law firm as both worlds know it: its phones on the PBX, its staff,
// contacts and matters at Smokeball.
type Firm struct {
	ID, Name string
	// Domain is the PBX tenant. Region, Country and AreaCode are what
	// smokepop's configuration of the tenant has to say.
	Domain, Region, Country, AreaCode string
	Main                              Line // the number callers dial
	Agents                            []Agent
	Staff                             []Staff
	Contacts                          []Contact
	Matters                           []Matter
	// Callers are people who call or are called, known and unknown, for
	// scenarios.
	Callers []Caller
}

// Agent is somebody with a phone.
type Agent struct {
	Extension, Name, Email string
	Groups                 []string
}

// Staff is a member of the firm at Smokeball. One with a UserID can sign in.
type Staff struct {
	ID, UserID, FirstName, LastName, Email, Role string
	Former, Disabled                             bool
	// NoMatters refuses the matters to this user with 403.
	NoMatters bool
}

func (p *Staff) canSignIn() bool { return p.UserID != "" && !p.Former && !p.Disabled }

// Name is first and last name.
func (p *Staff) Name() string { return strings.TrimSpace(p.FirstName + " " + p.LastName) }

func (f *Firm) staff(is func(*Staff) bool) *Staff {
	for i := range f.Staff {
		if is(&f.Staff[i]) {
			return &f.Staff[i]
		}
	}
	return nil
}

// Matter is a case.
type Matter struct {
	ID, Number, Title, Description string
	Status                         string // Open, Pending, Closed, Deleted, Cancelled
	Lead                           bool
	Clients, OtherSides            []string // contact ids
	Responsible                    string   // staff id
	Opened                         string   // RFC 3339
	// OnlyFor walls the matter off: others than these staff ids do not see it.
	OnlyFor []string
}

// Caller is somebody at the other end of the line. Names are the records a
// screen pop should show for the line; none for a stranger.
type Caller struct {
	Line
	Names []string
}

// Line is a telephone number taken apart, so that a PBX can present it in any
// of the ways PBXs do.
type Line struct {
	CountryCode string // "1", "61"
	Trunk       string // the national prefix: "" in the US, "0" in Australia
	National    string // without the trunk prefix
	Shown       string // as people of the country write it
}

// E164 is the number with its plus.
func (l Line) E164() string { return "+" + l.CountryCode + l.National }

// Domestic is the number as it is dialled within its country.
func (l Line) Domestic() string { return l.Trunk + l.National }

// US returns a line of the North American plan.
func US(areaCode, exchangeAndLine string) Line {
	return Line{"1", "", areaCode + exchangeAndLine, "(" + areaCode + ") " + exchangeAndLine[:3] + "-" + exchangeAndLine[3:]}
}

// AU returns an Australian line, geographic ("02", "55501234") or mobile
// ("04", "91570006").
func AU(prefix, subscriber string) Line {
	shown := "(" + prefix + ") " + subscriber[:4] + " " + subscriber[4:]
	if prefix == "04" {
		shown = prefix + subscriber[:2] + " " + subscriber[2:5] + " " + subscriber[5:]
	}
	return Line{"61", "0", prefix[1:] + subscriber, shown}
}

// UK returns a British line: area code with its zero, subscriber number.
func UK(areaCode, subscriber string) Line {
	return Line{"44", "0", areaCode[1:] + subscriber, areaCode + " " + subscriber}
}

// newID derives a stable UUID from words, so that a demo's links and a test's
// expectations are the same at each start.
func newID(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return uuidFrom(sum[:])
}

func uuidFrom(b []byte) string {
	u := [16]byte(b[:16])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

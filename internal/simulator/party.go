package simulator

import "strings"

// Shape is how a trunk presents an outside number.
type Shape int

// The shapes a Vodia is known to send.
const (
	ShapeDomestic Shape = iota // 6175550142, 0255501234; foreigners as 01161...
	ShapeE164                  // +16175550142
	ShapeDigits                // 16175550142
	ShapeURI                   // <sip:+16175550142@firm.example>
	ShapeNamed                 // "MARIA CASTELLANOS" <sip:6175550142@firm.example;user=phone>
	ShapeTel                   // tel:+1-617-555-0142
	shapes                     // how many there are
)

// Shapes returns every shape.
func Shapes() []Shape {
	out := make([]Shape, shapes)
	for i := range out {
		out[i] = Shape(i)
	}
	return out
}

// present writes an outside line the way this firm's PBX would.
func (f *Firm) present(l Line, display string, shape Shape) string {
	switch shape {
	case ShapeE164:
		return l.E164()
	case ShapeDigits:
		return l.CountryCode + l.National
	case ShapeURI:
		return "<sip:" + l.E164() + "@" + f.Domain + ">"
	case ShapeNamed:
		return quoted(strings.ToUpper(display)) + " <sip:" + f.dialled(l) + "@" + f.Domain + ";user=phone>"
	case ShapeTel:
		return "tel:+" + l.CountryCode + "-" + l.National
	}
	return f.dialled(l)
}

// dialled is what somebody at the firm dials to reach the line.
func (f *Firm) dialled(l Line) string {
	if l.CountryCode == f.Main.CountryCode {
		return l.Domestic()
	}
	prefix := "00"
	switch f.Main.CountryCode {
	case "1":
		prefix = "011"
	case "61":
		prefix = "0011"
	}
	return prefix + l.CountryCode + l.National
}

// inside writes an extension as a party.
func (f *Firm) inside(extension string) string {
	return quoted(f.account(extension).Name) + " <sip:" + extension + "@" + f.Domain + ">"
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

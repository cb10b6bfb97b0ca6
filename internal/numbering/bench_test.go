package numbering

import "testing"

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ country, party string }{{"US", "+16173998147"}, {"US", "6173998147"}, {"AU", "0370640656"}, {"GB", `"x" <sip:+442079460000@h>`}} {
		p := mustPlan(b, c.country, "")
		b.Run(c.country+"/"+c.party, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.parse(c.party)
			}
		})
	}
}

func BenchmarkStored(b *testing.B) {
	p := mustPlan(b, "US", "")
	b.ReportAllocs()
	for b.Loop() {
		p.Stored("617", "399-8147 x12")
	}
}

func BenchmarkParseAgain(b *testing.B) {
	p := mustPlan(b, "US", "")
	b.ReportAllocs()
	for b.Loop() {
		p.Parse("+16173998147")
	}
}

package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

func sortContacts(list []Contact) {
	slices.SortFunc(list, func(a, b Contact) int { return strings.Compare(a.ID, b.ID) })
}

// GenerateContacts returns n invented contacts of a country ("US" or "AU"), the
// same for the same seed. Numbers are written the ways firms write them; about
// one in fifty is shared by several contacts. US numbers are in the exchange
// 555, which has no subscribers; AU ones in the ACMA's 5550 and 7010.
func GenerateContacts(seed uint64, n int, country string) []Contact {
	r := rand.New(rand.NewPCG(seed, 0x736d6f6b65))
	firsts := []string{"Ava", "Noor", "Jonah", "Sofia", "Caleb", "Ines", "Ravi", "Greta", "Milo", "Hana", "Otto", "Leila", "Felix", "Amara", "Kofi", "Nina", "Ivo", "Clara", "Tariq", "Maeve"}
	heads := []string{"Ash", "Black", "Cold", "Dun", "East", "Fair", "Green", "Hart", "Iron", "Kings", "Lang", "Mill", "North", "Oak", "Pem", "Raven", "Stan", "Thorn", "Wal", "Whit"}
	tails := []string{"bourne", "by", "croft", "dale", "field", "ford", "gate", "ham", "ley", "low", "more", "ridge", "shaw", "stead", "ton", "well", "wick", "wood", "worth", "brook"}
	kinds := []string{"Logistics", "Holdings", "Dental Group", "Builders", "Insurance", "Foods", "Partners", "Motors"}

	out := make([]Contact, 0, n)
	var last Phone
	number := func() Phone {
		if last != (Phone{}) && r.IntN(50) == 0 {
			return last
		}
		last = generatedPhone(r, country)
		return last
	}
	const firstOfJanuary2026 = 639_028_224_000_000_000
	for i := range n {
		c := Contact{
			ID: newID("generated", country, fmt.Sprint(seed), fmt.Sprint(i)), VersionID: newID("version", fmt.Sprint(seed), fmt.Sprint(i)),
			LastUpdated: firstOfJanuary2026 + r.Int64N(150_000_000_000_000) + 1, Blanks: Blanks(r.IntN(4)), Deleted: r.IntN(200) == 0,
		}
		family := heads[r.IntN(len(heads))] + tails[r.IntN(len(tails))]
		switch k := r.IntN(20); {
		case k < 15:
			p := &Person{FirstName: firsts[r.IntN(len(firsts))], LastName: family}
			for _, f := range []*Phone{&p.Cell, &p.Phone, &p.Phone2} {
				if r.IntN(2) == 0 {
					*f = number()
				}
			}
			c.Person = p
		case k < 19 || country != "US":
			c.Company = &Company{Name: family + " " + kinds[r.IntN(len(kinds))], Phone: number()}
		default:
			c.Trust = &Trust{Name: "The " + family + " Family Trust", Phone: number()}
		}
		out = append(out, c)
	}
	return out
}

func generatedPhone(r *rand.Rand, country string) Phone {
	if country == "AU" {
		digits := []string{"02", "03", "07", "08"}[r.IntN(4)] + []string{"5550", "7010"}[r.IntN(2)] + fmt.Sprintf("%04d", r.IntN(10_000))
		return []Phone{
			{Number: digits},
			{Number: "(" + digits[:2] + ") " + digits[2:6] + " " + digits[6:]},
			{Number: "+61 " + digits[1:2] + " " + digits[2:6] + " " + digits[6:]},
			{Number: digits[:2] + " " + digits[2:6] + " " + digits[6:]},
		}[r.IntN(4)]
	}
	areas := []string{
		"201", "202", "203", "205", "206", "207", "208", "209", "210", "212", "213", "214", "215", "216", "217", "218", "219", "224", "225", "228",
		"301", "302", "303", "304", "305", "307", "308", "309", "310", "312", "313", "314", "315", "316", "317", "318", "319", "339", "351", "352",
		"401", "402", "404", "405", "406", "407", "408", "409", "410", "412", "413", "414", "415", "417", "419", "501", "502", "503", "504", "505",
		"508", "509", "510", "512", "513", "515", "516", "517", "518", "601", "602", "603", "605", "606", "607", "608", "609", "617", "774", "781",
		"802", "803", "804", "857", "978",
	}
	area, line := areas[r.IntN(len(areas))], fmt.Sprintf("555%04d", r.IntN(10_000))
	return []Phone{
		{AreaCode: area, Number: line},
		{AreaCode: area, Number: line[:3] + "-" + line[3:]},
		{Number: area + line},
		{AreaCode: area, Number: area + line},
		{Number: "(" + area + ") " + line[:3] + "-" + line[3:]},
		{Number: area + "." + line[:3] + "." + line[3:]},
	}[r.IntN(6)]
}

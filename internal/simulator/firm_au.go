package simulator

// NewAustralianFirm returns Harlow Quinn Lawyers of Wollongong, whose address
// book is typed the Australian way: the whole national number in one field,
// blanks as empty strings, the same number twice.
func NewAustralianFirm() *Firm {
	const firm = "harlow-quinn"
	id := func(who string) string { return newID(firm, "contact", who) }
	f := &Firm{
		ID: newID(firm), Name: "Harlow Quinn Lawyers",
		Domain: "au.firm.example", Region: "au", Country: "AU", Main: AU("02", "55500100"),
		Agents: []Agent{
			{"201", "Hannah Quinn", "hannah@au.firm.example", []string{"intake"}},
			{"202", "Jack Nguyen", "jack@au.firm.example", []string{"intake"}},
		},
	}
	for _, p := range []Staff{
		{FirstName: "Hannah", LastName: "Quinn", Email: "hannah@au.firm.example", Role: "Principal"},
		{FirstName: "Jack", LastName: "Nguyen", Email: "jack@au.firm.example", Role: "Conveyancer"},
	} {
		p.ID, p.UserID = newID(firm, "staff", p.Email), newID(firm, "user", p.Email)
		f.Staff = append(f.Staff, p)
	}
	for who, p := range map[string]Person{
		"oliver": {FirstName: "Oliver", LastName: "Bancroft", Phone2: Phone{Number: "0255501234"}, Cell: Phone{Number: "0255501234"}},
		"zoe":    {FirstName: "Zoe", LastName: "Papadakis", Cell: Phone{Number: "0491570156"}, Email: "zoe@mail.example"},
		"noah":   {FirstName: "Noah", LastName: "Tran", Phone: Phone{Number: "(03) 5550 0177"}},
		"isla":   {FirstName: "Isla", LastName: "McPhee", Phone: Phone{Number: "+61 (0)7 5550 0142"}},
		"ruby":   {FirstName: "Ruby", LastName: "Saunders", Phone: Phone{Number: "+61870101855"}},
	} {
		f.Contacts = append(f.Contacts, Contact{ID: id(who), Person: &p, Blanks: BlankEmpty})
	}
	f.Contacts = append(f.Contacts,
		Contact{ID: id("strata"), Blanks: BlankEmpty, Company: &Company{Name: "Illawarra Strata Managers Pty Ltd", Phone: Phone{Number: "1300 975 707"}}},
		Contact{ID: id("foundry"), Blanks: BlankEmpty, Company: &Company{Name: "Foundry Lane Builders", Phone: Phone{Number: "02 7010 0321"}, Email: "office@foundrylane.example"}},
	)
	sortContacts(f.Contacts)
	f.stamp()
	f.Matters = []Matter{
		{ID: newID(firm, "m1"), Number: "2026-0142", Title: "Bancroft | Sale of 3 Coniston Avenue", Status: "Open", Clients: []string{id("oliver")}, Responsible: f.Staff[1].ID, Opened: "2026-06-11T00:00:00Z"},
		{ID: newID(firm, "m2"), Number: "2026-0101", Title: "Papadakis | Purchase off the plan", Status: "Pending", Clients: []string{id("zoe")}, Responsible: f.Staff[1].ID, Opened: "2026-04-02T00:00:00Z"},
	}
	f.Callers = []Caller{
		{AU("02", "55501234"), []string{"Oliver Bancroft"}},
		{AU("04", "91570156"), []string{"Zoe Papadakis"}},
		{AU("03", "55500177"), []string{"Noah Tran"}},
		{AU("07", "55500142"), []string{"Isla McPhee"}},
		{AU("08", "70101855"), []string{"Ruby Saunders"}},
		{AU("02", "70100321"), []string{"Foundry Lane Builders"}},
		{AU("02", "55501235"), nil},
	}
	return f
}

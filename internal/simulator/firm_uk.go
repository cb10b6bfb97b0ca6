package simulator

// NewBritishFirm returns Pryce Harlow Solicitors of London, whose address book
// is typed the British way: with and without brackets, +44 (0), mobiles in one
// piece.
func NewBritishFirm() *Firm {
	const firm = "pryce-harlow"
	id := func(who string) string { return newID(firm, "contact", who) }
	f := &Firm{
		ID: newID(firm), Name: "Pryce Harlow Solicitors",
		Domain: "uk.firm.example", Region: "uk", Country: "GB", Main: UK("020", "79460100"),
		Agents: []Agent{
			{"301", "Amara Osei", "amara@uk.firm.example", []string{"intake"}},
			{"302", "Rhys Morgan", "rhys@uk.firm.example", []string{"intake"}},
			{"303", "Fiona Baird", "fiona@uk.firm.example", []string{"conveyancing"}},
		},
	}
	for _, p := range []Staff{
		{FirstName: "Amara", LastName: "Osei", Email: "amara@uk.firm.example", Role: "Solicitor"},
		{FirstName: "Rhys", LastName: "Morgan", Email: "rhys@uk.firm.example", Role: "Paralegal"},
		{FirstName: "Fiona", LastName: "Baird", Email: "fiona@uk.firm.example", Role: "Partner"},
	} {
		p.ID, p.UserID = newID(firm, "staff", p.Email), newID(firm, "user", p.Email)
		f.Staff = append(f.Staff, p)
	}
	for who, p := range map[string]Person{
		"edward": {FirstName: "Edward", LastName: "Ashcroft", Phone: Phone{Number: "(020) 7946 0018"}},
		"sunita": {FirstName: "Sunita", LastName: "Kaur", Cell: Phone{Number: "07700900123"}, Email: "sunita@mail.example"},
		"gareth": {FirstName: "Gareth", LastName: "Pugh", Phone: Phone{Number: "+44 (0)29 2018 0456"}},
		"moira":  {FirstName: "Moira", LastName: "Sinclair", Phone: Phone{AreaCode: "0131", Number: "496 0777"}},
	} {
		f.Contacts = append(f.Contacts, Contact{ID: id(who), Person: &p, Blanks: BlankEmpty})
	}
	f.Contacts = append(f.Contacts,
		Contact{ID: id("lettings"), Blanks: BlankEmpty, Company: &Company{Name: "Tern Street Lettings Ltd", Phone: Phone{Number: "0161 496 0333"}}},
	)
	sortContacts(f.Contacts)
	f.stamp()
	f.Matters = []Matter{
		{ID: newID(firm, "m1"), Number: "ASH/0142", Title: "Ashcroft | Sale of Flat 3, Tern Street", Status: "Open", Clients: []string{id("edward")}, OtherSides: []string{id("lettings")}, Responsible: f.Staff[0].ID, Opened: "2026-06-11T00:00:00Z"},
	}
	f.Callers = []Caller{
		{UK("020", "79460018"), []string{"Edward Ashcroft"}},
		{UK("07700", "900123"), []string{"Sunita Kaur"}},
		{UK("029", "20180456"), []string{"Gareth Pugh"}},
		{UK("0131", "4960777"), []string{"Moira Sinclair"}},
		{UK("0161", "4960333"), []string{"Tern Street Lettings Ltd"}},
		{UK("0113", "4960999"), nil},
	}
	return f
}

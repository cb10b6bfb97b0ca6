package simulator

// NewFirm returns the demo's firm: Harlow & Pryce LLP of Boston. Its address
// book has what real ones have: area codes in their own box and not, doubled,
// dashed and dotted numbers, words behind a number, two numbers in one field,
// a switchboard that several people share, blanks of every kind, foreigners
// typed in whole, a deleted record.
func NewFirm() *Firm {
	const firm = "harlow-pryce"
	id := func(who string) string { return newID(firm, "contact", who) }
	staff := func(who string) string { return newID(firm, "staff", who) }
	f := &Firm{
		ID: newID(firm), Name: "Harlow & Pryce LLP",
		Domain: "firm.example", Region: "us", Country: "US", AreaCode: "617", Main: US("617", "5550100"),
		Agents: []Agent{
			{"101", "Priya Shah", "priya@firm.example", []string{"intake"}},
			{"102", "Daniel Okafor", "daniel@firm.example", []string{"intake"}},
			{"103", "Grace Whitfield", "grace@firm.example", []string{"intake", "reception"}},
			{"104", "Marcus Bell", "marcus@firm.example", []string{"litigation"}},
			{"105", "Elena Vasquez", "elena@firm.example", []string{"family"}},
			{"106", "Tom Reilly", "tom@firm.example", []string{"litigation"}},
		},
	}
	add := func(who, first, last, email, role string) *Staff {
		f.Staff = append(f.Staff, Staff{
			ID: staff(who), UserID: newID(firm, "user", who), FirstName: first, LastName: last, Email: email, Role: role,
		})
		return &f.Staff[len(f.Staff)-1]
	}
	add("priya", "Priya", "Shah", "priya@firm.example", "Intake Coordinator")
	add("daniel", "Daniel", "Okafor", "daniel@firm.example", "Intake Specialist")
	add("grace", "Grace", "Whitfield", "grace@firm.example", "Receptionist")
	add("marcus", "Marcus", "Bell", "marcus@firm.example", "Attorney")
	add("elena", "Elena", "Vasquez", "elena@firm.example", "Attorney")
	// His extension has another e-mail: the pairing of 106 cannot match.
	add("tom", "Thomas", "Reilly", "thomas.reilly@firm.example", "Paralegal")
	add("eleanor", "Eleanor", "Harlow", "eleanor@firm.example", "Managing Partner")
	add("bookkeeper", "Ines", "Duarte", "ines@firm.example", "Bookkeeper").NoMatters = true
	add("ruth", "Ruth", "Adler", "ruth@firm.example", "Attorney").Former = true
	add("temp", "Sam", "Pruitt", "sam@firm.example", "Clerk").UserID = ""

	boston := Address{City: "Boston", State: "MA", ZipCode: "02108", Country: "United States"}
	people := []struct {
		who    string
		person Person
		blanks Blanks
	}{
		{"maria", Person{FirstName: "Maria", LastName: "Castellanos", Cell: Phone{AreaCode: "617", Number: "5550142"}, Phone: Phone{AreaCode: "617", Number: "5550143"}, Email: "maria.castellanos@mail.example", Occupation: "Restaurateur", Address: boston}, BlankMissing},
		{"james", Person{Title: "Mr", FirstName: "James", LastName: "Whitaker", Phone: Phone{AreaCode: "508", Number: "555-0117"}, Phone2: Phone{AreaCode: "508", Number: "555-0118", Extension: "12"}, Email: "jwhitaker@mail.example"}, BlankMissing},
		{"aisha", Person{FirstName: "Aisha", LastName: "Rahman", Cell: Phone{Number: "8575550119"}}, BlankEmpty},
		{"robert", Person{FirstName: "Robert", LastName: "Lindqvist", CustomName: "Bob", Phone: Phone{AreaCode: "617", Number: "6175550128"}}, BlankNull},
		{"mei", Person{FirstName: "Mei", LastName: "Chen", Cell: Phone{AreaCode: "781", Number: "555.0133"}, Email: "mei.chen@mail.example"}, BlankObject},
		{"dana", Person{FirstName: "Dana", LastName: "Kowalski", Phone2: Phone{AreaCode: "617", Number: "5550160", Extension: "214"}, Cell: Phone{AreaCode: "774", Number: "555-0104"}, Occupation: "General Counsel"}, BlankMissing},
		{"victor", Person{FirstName: "Victor", LastName: "Hale", Phone2: Phone{AreaCode: "617", Number: "5550160", Extension: "220"}, Occupation: "Claims Manager"}, BlankMissing},
		{"peter", Person{FirstName: "Peter", LastName: "Ashdown", Phone: Phone{AreaCode: "978", Number: "5550122"}}, BlankMissing},
		{"lucy", Person{FirstName: "Lucy", LastName: "Ashdown", Cell: Phone{AreaCode: "978", Number: "5550123"}}, BlankMissing},
		{"nadia", Person{FirstName: "Nadia", LastName: "Petrov", Cell: Phone{AreaCode: "(339)", Number: "555 0110"}}, BlankMissing},
		{"ilya", Person{FirstName: "Ilya", LastName: "Petrov", Cell: Phone{AreaCode: "339", Number: "5550111"}}, BlankMissing},
		{"liam", Person{FirstName: "Liam", LastName: "O'Connell", Cell: Phone{Number: "+61 491 570 006"}, Email: "liam@mail.example"}, BlankEmpty},
		{"charlotte", Person{Title: "Ms", FirstName: "Charlotte", LastName: "Fairweather", Phone: Phone{Number: "+44 20 7946 0018"}}, BlankEmpty},
		{"rose", Person{FirstName: "Rose", LastName: "Delacroix", Phone: Phone{AreaCode: "413", Number: "555-0187 (daughter's cell)"}}, BlankMissing},
		{"omar", Person{FirstName: "Omar", LastName: "Haddad", Phone: Phone{AreaCode: "617", Number: "5550151 / 5550152"}}, BlankMissing},
		{"thomas", Person{Title: "Dr", FirstName: "Thomas", MiddleName: "A.", LastName: "Greene", NameSuffix: "Jr", Phone: Phone{AreaCode: "212", Number: "555-0175"}, Fax: Phone{AreaCode: "212", Number: "555-0176"}}, BlankMissing},
		{"olivia", Person{FirstName: "Olivia", LastName: "Marsh", Phone: Phone{AreaCode: "603", Number: "5550145"}}, BlankMissing},
		{"henry", Person{FirstName: "Henry", LastName: "Marsh", Phone: Phone{AreaCode: "603", Number: "5550145"}}, BlankMissing},
		{"quiet", Person{FirstName: "Edith", LastName: "Sorensen", Email: "edith@mail.example"}, BlankObject},
		{"karl", Person{FirstName: "Karl", LastName: "Jennings", Cell: Phone{AreaCode: "617", Number: "5550171"}}, BlankMissing},
	}
	for _, p := range people {
		person := p.person
		f.Contacts = append(f.Contacts, Contact{ID: id(p.who), Person: &person, Blanks: p.blanks, Deleted: p.who == "karl"})
	}
	f.Contacts = append(f.Contacts,
		Contact{ID: id("northgate"), Company: &Company{Name: "Northgate Freight, Inc.", Type: "Corporation", Phone: Phone{AreaCode: "617", Number: "5550160"}, Fax: Phone{AreaCode: "617", Number: "5550161"}, Email: "legal@northgate.example", Website: "https://northgate.example", Staff: []string{id("dana"), id("victor")}, Address: boston}},
		Contact{ID: id("beacon"), Company: &Company{Name: "Beacon Mutual Insurance Company", DoingBusinessAs: "Beacon Mutual", Phone: Phone{AreaCode: "800", Number: "555-0199"}}},
		Contact{ID: id("probate"), Company: &Company{Name: "Suffolk Probate Registry", Phone: Phone{AreaCode: "617", Number: "5550190"}}, Blanks: BlankNull},
		Contact{ID: id("harbour"), Company: &Company{Name: "Harbour & Vine Pty Ltd", Phone: Phone{Number: "011 61 3 5550 0188"}}, Blanks: BlankEmpty},
		Contact{ID: id("ashdown-trust"), Trust: &Trust{Name: "The Ashdown Family Trust", Status: "as Trustee of", Number: "90-1182", Phone: Phone{AreaCode: "978", Number: "5550121"}, Trustees: []Trustee{{"Peter Ashdown", "Individual"}, {"Lucy Ashdown", "Individual"}}, Contacts: []string{id("peter"), id("lucy")}}},
		Contact{ID: id("ashdowns"), Group: &Group{Name: "Peter Ashdown & Lucy Ashdown", People: []string{id("peter"), id("lucy")}}},
		Contact{ID: id("petrovs"), Group: &Group{People: []string{id("nadia"), id("ilya")}, HrefOnly: true, Address: Address{Line1: "18 Alder Street", City: "Medford", State: "MA", ZipCode: "02155", Country: "United States"}}},
	)
	f.stamp()
	f.Matters = []Matter{
		{ID: newID(firm, "m1"), Number: "10214", Title: "Castellanos | Lease of 44 Harbor Street", Status: "Open", Clients: []string{id("maria")}, OtherSides: []string{id("northgate")}, Responsible: staff("marcus"), Opened: "2026-06-02T00:00:00Z"},
		{ID: newID(firm, "m2"), Number: "10187", Title: "Castellanos | Liquor licence", Status: "Pending", Clients: []string{id("maria")}, Responsible: staff("eleanor"), Opened: "2026-03-17T00:00:00Z"},
		{ID: newID(firm, "m3"), Number: "9871", Title: "Castellanos | Formation of LLC", Status: "Closed", Clients: []string{id("maria")}, Responsible: staff("eleanor"), Opened: "2024-11-05T00:00:00Z"},
		{ID: newID(firm, "m4"), Number: "10220", Title: "Whitaker | Estate planning", Status: "Open", Clients: []string{id("james")}, Responsible: staff("elena"), Opened: "2026-06-20T00:00:00Z"},
		{ID: newID(firm, "m5"), Number: "10150", Title: "Northgate Freight ats Lindqvist", Status: "Open", Clients: []string{id("northgate")}, OtherSides: []string{id("robert")}, Responsible: staff("marcus"), Opened: "2026-01-28T00:00:00Z"},
		{ID: newID(firm, "m6"), Number: "10198", Title: "Ashdown Family Trust | Administration", Status: "Open", Clients: []string{id("ashdown-trust"), id("ashdowns")}, Responsible: staff("elena"), Opened: "2026-04-09T00:00:00Z"},
		{ID: newID(firm, "m7"), Number: "10209", Title: "Rahman | Purchase of 9 Elm Court", Status: "Open", Clients: []string{id("aisha")}, Responsible: staff("daniel"), Opened: "2026-05-14T00:00:00Z"},
		{ID: newID(firm, "m8"), Number: "10225", Title: "Marsh | Parenting plan", Status: "Open", Clients: []string{id("olivia")}, OtherSides: []string{id("henry")}, Responsible: staff("elena"), Opened: "2026-07-01T00:00:00Z", OnlyFor: []string{staff("elena"), staff("eleanor")}},
		{ID: newID(firm, "m9"), Number: "L-311", Title: "Haddad | Employment enquiry", Status: "Open", Lead: true, Clients: []string{id("omar")}, Responsible: staff("priya"), Opened: "2026-07-11T00:00:00Z"},
	}
	f.Callers = []Caller{
		{US("617", "5550142"), []string{"Maria Castellanos"}},
		{US("508", "5550117"), []string{"James Whitaker"}},
		{US("857", "5550119"), []string{"Aisha Rahman"}},
		{US("800", "5550199"), []string{"Beacon Mutual Insurance Company"}},
		{US("978", "5550121"), []string{"The Ashdown Family Trust"}},
		{US("781", "5550133"), []string{"Mei Chen"}},
		{US("617", "5550160"), []string{"Northgate Freight, Inc.", "Dana Kowalski", "Victor Hale"}},
		{AU("04", "91570006"), []string{"Liam O'Connell"}},
		{US("617", "5550128"), []string{"Robert Lindqvist"}},
		{US("603", "5550145"), []string{"Olivia Marsh", "Henry Marsh"}},
		{AU("03", "55500188"), []string{"Harbour & Vine Pty Ltd"}},
		{US("413", "5550187"), []string{"Rose Delacroix"}},
		{UK("020", "79460018"), []string{"Charlotte Fairweather"}},
		{US("401", "5550164"), nil},
		{US("617", "5550171"), nil}, // deleted at Smokeball
		{US("617", "5550148"), nil}, // one digit beside Maria
	}
	return f
}

// stamp gives every contact a version and a time of its last change, in ticks
// that no float64 can hold.
func (f *Firm) stamp() {
	const july2026 = 639_185_472_000_000_000
	for i := range f.Contacts {
		c := &f.Contacts[i]
		if c.VersionID == "" {
			c.VersionID = newID(c.ID, "version")
		}
		if c.LastUpdated == 0 {
			c.LastUpdated = july2026 + int64(i)*863_991_234_567 + 1
		}
	}
}

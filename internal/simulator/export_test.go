package simulator

// SearchForBench runs one search without HTTP around it.
func SearchForBench(s *Smokeball, search string) int {
	t, err := parseTerm(search, "phone")
	if err != nil {
		panic(err)
	}
	return len(s.book.find([]term{t}))
}

package vodia

// AccountKind is what answers at an account.
type AccountKind string

// The kinds of an account.
const (
	Extension AccountKind = "extension"
	RingGroup AccountKind = "ringgroup"
	Queue     AccountKind = "queue"
	Attendant AccountKind = "attendant"
	IVR       AccountKind = "ivr"
	Other     AccountKind = "other" // a conference room, an orbit, a paging group, or not told
	// untold is the kind of an account until its settings have been read: the
	// ones with an e-mail are extensions.
	untold AccountKind = ""
)

// Account is one account of the tenant.
type Account struct {
	Extension string // its number or name, without the tenant
	Kind      AccountKind
	Name      string   // as displayed; empty when it has none
	Email     string   // of extensions only; empty when it has none or it could not be read
	Aliases   []string // other numbers it answers at
}

// Shape says which of the described answers a list of accounts came in.
type Shape string

// The shapes of a list of accounts, in the order they are tried.
const (
	ShapeUserList   Shape = "userlist"   // /rest/domain/{d}/userlist/{kind}
	ShapeExtensions Shape = "extensions" // /rest/domain/{d}/extensions, and users for the other kinds
	ShapeUsers      Shape = "users"      // /rest/domain/{d}/users
)

// Directory is what was read of a tenant's accounts. A part that could not be
// read is in Gaps; what is there is right all the same.
type Directory struct {
	Accounts []Account // by extension
	Groups   []Group   // by id
	Shape    Shape
	Gaps     []Gap
}

// Gap is a part of a directory that could not be read.
type Gap struct {
	// Extension is the account whose settings, and so whose e-mail, could not
	// be read; empty for a list, which Part names.
	Extension string
	Part      string // email, groups, or a kind of accounts
	Err       error
}

package smokeball

// Endpoint names what is asked of the API: the unit of Smokeball's rate limit
// and a metric label.
type Endpoint string

// The endpoints smokepop uses.
const (
	EndpointContacts Endpoint = "contacts"
	EndpointContact  Endpoint = "contact"
	EndpointMatters  Endpoint = "matters"
	EndpointStaff    Endpoint = "staff"
	EndpointOneStaff Endpoint = "staff-member"
	EndpointFirmUser Endpoint = "firm-user"
	EndpointUser     Endpoint = "user"
	EndpointFirm     Endpoint = "firm"
)

// Endpoints lists every endpoint.
func Endpoints() []Endpoint {
	return []Endpoint{
		EndpointContacts, EndpointContact, EndpointMatters, EndpointStaff,
		EndpointOneStaff, EndpointFirmUser, EndpointUser, EndpointFirm,
	}
}

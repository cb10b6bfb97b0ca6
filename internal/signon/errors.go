package signon

import "errors"

var (
	// ErrUnavailable: the provider does not answer, or not as a provider does.
	// Trying again later may help.
	ErrUnavailable = errors.New("the identity provider is not available")
	// ErrMisconfigured: the provider does not take this client as it is
	// configured. Nobody can sign in until the admin has changed that.
	ErrMisconfigured = errors.New("the identity provider does not accept smokepop's client")
	// ErrRefused: the answer is not good: it is another browser's, was used
	// before, is out of time, or is not this provider's.
	ErrRefused = errors.New("the identity provider's answer does not hold")
	// ErrNoEmail: the provider vouches for no e-mail address of that person.
	ErrNoEmail = errors.New("the identity provider vouches for no e-mail address")
)

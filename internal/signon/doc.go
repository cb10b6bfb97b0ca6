// Package signon speaks OpenID Connect to a firm's identity provider, such as
// Microsoft Entra or Google: where to send a browser, and whose e-mail address
// came back. It knows how such an answer is checked. It knows nothing of agents,
// sessions or browsers: who calls it binds an attempt to the browser that began
// it.
package signon

package audit

import (
	"context"
	"log/slog"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// ActorKind is the kind of somebody who does things.
type ActorKind string

// The kinds.
const (
	ActorNobody    ActorKind = "nobody"       // who has not signed in
	ActorAgent     ActorKind = "agent"        // an agent's browser
	ActorAdmin     ActorKind = "admin"        // an admin's browser
	ActorSocket    ActorKind = "admin-socket" // a command on the admin socket
	ActorCommand   ActorKind = "command"      // a command that worked on the store while no daemon ran
	ActorSignal    ActorKind = "signal"       // systemd or whoever may send the process signals
	ActorPBX       ActorKind = "pbx"
	ActorSmokeball ActorKind = "smokeball"
	ActorDaemon    ActorKind = "daemon" // smokepop by itself
)

// Actor is who did it.
type Actor struct {
	Kind    ActorKind
	Agent   screenpop.AgentID // of an agent
	Name    string            // of an admin, or of a user of this machine; of a signal
	Session string            // names the browser, and opens nothing
	Device  string            // the browser in words
	// UID is the user of this machine, as the kernel tells it, where HasUID.
	UID    uint32
	HasUID bool
	// Claimed is the name that a command gives of who runs it, such as who has
	// called sudo. Nobody vouches for it.
	Claimed string
}

// Nobody is a browser in which nobody has signed in.
func Nobody(device string) Actor { return Actor{Kind: ActorNobody, Device: device} }

// ByAgent is an agent's browser.
func ByAgent(agent screenpop.AgentID, session, device string) Actor {
	return Actor{Kind: ActorAgent, Agent: agent, Session: session, Device: device}
}

// ByAdmin is an admin's browser. name is what the configuration calls the admin,
// such as an e-mail address.
func ByAdmin(name, session, device string) Actor {
	return Actor{Kind: ActorAdmin, Name: name, Session: session, Device: device}
}

// ByUser is somebody on this machine, whom the kernel vouches for.
func ByUser(kind ActorKind, uid uint32, name string) Actor {
	return Actor{Kind: kind, UID: uid, HasUID: true, Name: name}
}

// BySignal is whoever has sent the process a signal.
func BySignal(name string) Actor { return Actor{Kind: ActorSignal, Name: name} }

// ByItself is smokepop, the PBX or Smokeball.
func ByItself(kind ActorKind) Actor { return Actor{Kind: kind} }

func (a Actor) attrs() []slog.Attr {
	kind := a.Kind
	if kind == "" {
		kind = ActorNobody
	}
	attrs := []slog.Attr{slog.String("by", string(kind))}
	name := clean(a.Name, maxName)
	if a.Kind == ActorAgent {
		name = a.Agent.String()
	}
	attrs = addText(attrs, "who", name)
	if a.HasUID {
		attrs = append(attrs, slog.Uint64("uid", uint64(a.UID)))
	}
	attrs = addText(attrs, "claimed", clean(a.Claimed, maxName))
	attrs = addText(attrs, "session", a.Session)
	return addText(attrs, "device", a.Device)
}

// maxName is how many characters of a name are kept that somebody else wrote.
const maxName = 80

type actorKey struct{}

// WithActor puts who is at the other end of a connection into its context.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorIn returns whom WithActor has put there, or otherwise an actor of that
// kind of whom nothing is known.
func ActorIn(ctx context.Context, otherwise ActorKind) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Kind: otherwise}
}

package daemon

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/crew"
	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
)

// liveStates takes the live calls of PBXs' websockets to the receiver. A PBX
// that is away does not make the daemon unready, since a restart would not help
// and webhooks go on: the log and the metrics tell of it.
type liveStates struct {
	receiver  *pbxevents.Receiver
	watchers  *crew.Crew[watched]
	log       *slog.Logger
	connected atomic.Int64
	lost      prometheus.Counter

	mu      sync.Mutex
	watched []watched         // of tenants that want it
	gone    vodia.FrameCounts // of clients of earlier configurations
}

// watched is a tenant whose PBX is listened to.
type watched struct {
	tenant screenpop.Tenant
	client *vodia.Client
}

// set takes in whose live calls are wanted. Who stays is not disturbed.
func (l *liveStates) set(tenants []config.Tenant, clients *pbxes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.watched
	l.watched = nil
	for _, t := range tenants {
		if c := clients.of(t.Domain); c != nil && t.PBX.LiveStates() {
			l.watched = append(l.watched, watched{t.Domain, c})
		}
	}
	for _, w := range before {
		if f := w.client.Frames(); !slices.Contains(l.watched, w) {
			l.gone.CallStates, l.gone.Ignored, l.gone.Broken = l.gone.CallStates+f.CallStates, l.gone.Ignored+f.Ignored, l.gone.Broken+f.Broken
		}
	}
	l.watchers.Set(l.watched)
}

func newLiveStates(receiver *pbxevents.Receiver, reg prometheus.Registerer, log *slog.Logger) *liveStates {
	l := &liveStates{receiver: receiver, watchers: crew.New[watched](), log: log}
	auto := promauto.With(reg)
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smokepop_pbx_websockets", Help: "PBXs whose live calls should be listened to.",
	}, func() float64 {
		l.mu.Lock()
		defer l.mu.Unlock()
		return float64(len(l.watched))
	})
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smokepop_pbx_websockets_connected", Help: "PBXs whose live calls are listened to.",
	}, func() float64 { return float64(l.connected.Load()) })
	l.lost = auto.NewCounter(prometheus.CounterOpts{
		Name: "smokepop_pbx_websockets_lost_total", Help: "Websockets to PBXs that were lost.",
	})
	for result, count := range map[string]func(vodia.FrameCounts) uint64{
		"call-state": func(f vodia.FrameCounts) uint64 { return f.CallStates },
		"ignored":    func(f vodia.FrameCounts) uint64 { return f.Ignored },
		"broken":     func(f vodia.FrameCounts) uint64 { return f.Broken },
	} {
		auto.NewCounterFunc(prometheus.CounterOpts{
			Name: "smokepop_pbx_frames_total", Help: "Frames from PBXs' websockets, by what became of them.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			n := count(l.gone)
			for _, w := range l.watched {
				n += count(w.client.Frames())
			}
			return float64(n)
		})
	}
	return l
}

// Run listens to every PBX until ctx ends.
func (l *liveStates) Run(ctx context.Context) error {
	l.watchers.Run(ctx, func(ctx context.Context, w watched) {
		_ = l.watch(ctx, w.tenant, w.client) // it ends with ctx alone
	})
	return nil
}

func (l *liveStates) watch(ctx context.Context, tenant screenpop.Tenant, client *vodia.Client) error {
	log := l.log.With("tenant", string(tenant))
	up, told := false, ""
	defer func() {
		if up {
			l.connected.Add(-1)
		}
	}()
	return client.Watch(ctx, vodia.Feed{
		Calls: func(calls []vodia.LiveCall) {
			list := make([]pbxevents.LiveCall, len(calls))
			for i, c := range calls {
				list[i] = pbxevents.LiveCall(c)
			}
			// The tenant is configured, or nobody would listen to it.
			_ = l.receiver.Live(tenant, list)
		},
		State: func(connected bool, why error) {
			switch {
			case connected && !up:
				l.connected.Add(1)
				told = ""
				log.Info("listening to the PBX's live calls")
			case !connected && up:
				l.connected.Add(-1)
				l.lost.Inc()
			}
			up = connected
			// A PBX that is away is told of once for each reason, not at each attempt.
			if !connected && why != nil && why.Error() != told {
				told = why.Error()
				log.Warn("the PBX's live calls are not listened to; it is tried again", "error", why)
			}
		},
	})
}

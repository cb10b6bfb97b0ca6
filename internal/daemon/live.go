package daemon

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sync/errgroup"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
)

// liveStates takes the live calls of PBXs' websockets to the receiver. A PBX
// that is away does not make the daemon unready, since a restart would not help
// and webhooks go on: the log and the metrics tell of it.
type liveStates struct {
	receiver  *pbxevents.Receiver
	clients   map[screenpop.Tenant]*vodia.Client // of tenants that want it
	log       *slog.Logger
	connected atomic.Int64
	lost      prometheus.Counter
}

func newLiveStates(tenants []config.Tenant, clients pbxes, receiver *pbxevents.Receiver, reg prometheus.Registerer, log *slog.Logger) *liveStates {
	l := &liveStates{receiver: receiver, clients: map[screenpop.Tenant]*vodia.Client{}, log: log}
	for _, t := range tenants {
		if c := clients[t.Domain]; c != nil && t.PBX.LiveStates() {
			l.clients[t.Domain] = c
		}
	}
	auto := promauto.With(reg)
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smokepop_pbx_websockets", Help: "PBXs whose live calls should be listened to.",
	}, func() float64 { return float64(len(l.clients)) })
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
			var n uint64
			for _, c := range l.clients {
				n += count(c.Frames())
			}
			return float64(n)
		})
	}
	return l
}

// Run listens to every PBX until ctx ends.
func (l *liveStates) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for tenant, client := range l.clients {
		group.Go(func() error { return l.watch(ctx, tenant, client) })
	}
	return group.Wait()
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

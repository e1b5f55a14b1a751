package main

import "context"

// contest is how the product and its peer did by turns: medians of their waves.
type contest struct {
	own, peer, ratio     figure
	history, peerHistory figure // events for each message and signal
}

// compete runs waves of the product and of its peer by turns. The wave returns how many messages a second were dealt with; named
// is what was measured, and rate the name of that figure in each line.
func (f *flow) compete(ctx context.Context, waves int, named, rate string, wave func(context.Context) (float64, error)) (c contest, err error) {
	for range 2 { // the first starts the workflows, the second fills what is only filled once
		if _, err := wave(ctx); err != nil {
			return c, err
		}
		if _, err := f.peer.wave(ctx, f.count); err != nil {
			return c, err
		}
	}
	before, peerBefore, err := f.histories(ctx)
	if err != nil {
		return c, err
	}
	var ours, peers, ratios []float64
	for range waves {
		peer, err := f.peer.wave(ctx, f.count)
		if err != nil {
			return c, err
		}
		own, err := wave(ctx)
		if err != nil {
			return c, err
		}
		ours, peers, ratios = append(ours, own), append(peers, peer), append(ratios, own/peer)
		if err := print(map[string]any{"measurement": named + " wave", rate: figure(own), "peer_per_second": figure(peer)}); err != nil {
			return c, err
		}
	}
	after, peerAfter, err := f.histories(ctx)
	if err != nil {
		return c, err
	}
	messages := float64(waves * sampledHistories)
	return contest{
		own: figure(median(ours)), peer: figure(median(peers)), ratio: figure(median(ratios)),
		history: figure(float64(after-before) / messages), peerHistory: figure(float64(peerAfter-peerBefore) / messages),
	}, nil
}

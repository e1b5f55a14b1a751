package simulator_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"guichet.dev/guichet/simulator"
)

// TestEverythingAtOnce drives all parts in parallel, with a receiver that refuses
// now and then, and checks that nothing is lost or accepted twice.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	const customers, each = 8, 25
	data := filepath.Join(t.TempDir(), "simulator.json")
	s := start(t, func(c *simulator.Config) {
		c.DataFile = data
		c.Rates = simulator.Rates{PairBurst: -1, Throughput: -1}
	})
	s.receiver.mu.Lock()
	s.receiver.refuse = 50
	s.receiver.mu.Unlock()
	for _, action := range []string{simulator.ActionDuplicate, simulator.ActionReorder, simulator.ActionBatch, simulator.ActionConcurrent} {
		_, err := s.Fault(t.Context(), simulator.Fault{On: simulator.KindWebhooks, Action: action, Probability: 0.2, Size: 5})
		must(t, err)
	}
	var group sync.WaitGroup
	for i := range customers {
		group.Go(func() {
			phone := fmt.Sprintf("3361234%04d", i)
			for j := range each {
				if _, err := s.Say(t.Context(), phone, "Bonjour"); err != nil {
					t.Error(err)
				}
				body := textBody("+"+phone, fmt.Sprint(j), fmt.Sprintf("m%d-%d", i, j))
				if status, _, err := s.try("POST", "/v25.0/"+numberID+"/messages", "token", body); err != nil || status != http.StatusOK {
					t.Errorf("status %d, error %v", status, err)
				}
			}
		})
	}
	group.Wait()
	inbound, delivered := map[any]bool{}, map[any]bool{}
	await(t, "every message and receipt", func() bool {
		for _, item := range s.receiver.items(t, "messages") {
			inbound[item["id"]] = true
		}
		for _, item := range s.receiver.items(t, "statuses") {
			if item["status"] == simulator.StatusDelivered {
				delivered[item["biz_opaque_callback_data"]] = true
			}
		}
		return len(inbound) == customers*each && len(delivered) == customers*each
	})
	accepted, err := s.Accepted(t.Context())
	must(t, err)
	if len(accepted) != customers*each {
		t.Errorf("%d accepted", len(accepted))
	}
	for i := range customers {
		phone, err := s.Phone(t.Context(), fmt.Sprintf("3361234%04d", i))
		must(t, err)
		for j, m := range phone {
			if m.Text != fmt.Sprint(j) {
				t.Fatalf("customer %d got message %s as number %d", i, m.Text, j)
			}
		}
	}
}

package sqs_test

import (
	"fmt"
	"sync"
	"testing"

	"numpywren/core/queue"
	"numpywren/core/queue/sqs"
)

// BenchmarkMessage is the way of a message, sent, received and acknowledged, with that many slots.
func BenchmarkMessage(b *testing.B) {
	for _, slots := range []int{1, 16} {
		b.Run(fmt.Sprint("slots=", slots), func(b *testing.B) {
			var counters sqs.Counters
			q, _ := create(b, sqs.Options{Counters: &counters})
			messages := make([]queue.Message, b.N)
			for i := range messages {
				messages[i] = queue.Message{Body: fmt.Sprint(i)}
			}
			b.ResetTimer()
			_ = q.Send(b.Context(), messages)
			var work sync.WaitGroup
			for s := range slots {
				work.Go(func() {
					for i := s; i < b.N; i += slots {
						got, err := q.Receive(b.Context(), 1, -1)
						if err != nil {
							b.Error(err)
							return
						}
						_ = q.Ack(b.Context(), got[0].Receipt)
					}
				})
			}
			work.Wait()
			b.ReportMetric(float64(counters.Load().Billed())/float64(b.N), "requests/message")
		})
	}
}

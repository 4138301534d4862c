package fleet

import (
	_ "embed"
	"encoding/json"
	"sync"
	"time"
)

//go:embed prices.json
var pricesText []byte

// prices are what a cloud asks for, as of a date; a cluster's own machines cost what their owner knows.
type prices struct {
	AsOf     string  `json:"as_of"`
	Region   string  `json:"region"`
	GBSecond float64 `json:"lambda_gb_second"`
	GBCore   float64 `json:"lambda_gb_per_core"`
	Put1000  float64 `json:"s3_put_1000"`
	Get1000  float64 `json:"s3_get_1000"`
	SQS      float64 `json:"sqs_request_million"`
}

var priceList = sync.OnceValue(func() (p prices) {
	if err := json.Unmarshal(pricesText, &p); err != nil {
		panic(err)
	}
	return p
})

// bill is what a cloud would ask for.
func (p prices) bill(coreSeconds float64, t Traffic, received, sent int64) float64 {
	return coreSeconds*p.GBCore*p.GBSecond + float64(t.Puts+t.Lists)/1000*p.Put1000 + float64(t.Gets+t.Stats)/1000*p.Get1000 +
		float64(2*received+sent)/1e6*p.SQS
}

// Report is what a run of a job took so far.
type Report struct {
	ID          string  `json:"id"`
	State       string  `json:"state"`
	Seconds     float64 `json:"seconds"`        // from its beginning to its end, or to now
	CoreSeconds float64 `json:"core_seconds"`   // of the workers that worked for it, busy or not
	Kernels     float64 `json:"kernel_seconds"` // of those, in kernels
	Workers     int     `json:"workers"`
	Tasks       int64   `json:"tasks"`
	Computed    int64   `json:"computed"` // how often a task was computed: more than Tasks when some were computed twice
	Flops       float64 `json:"flops"`
	Received    int64   `json:"messages_received"`
	Sent        int64   `json:"messages_sent"`
	Traffic     Traffic `json:"traffic"`
	Dollars     float64 `json:"dollars"` // as Lambda, S3 and SQS would bill it
	PricesAsOf  string  `json:"prices_as_of"`
}

// Report adds up what the workers told.
func (l *Look) Report() Report {
	r := Report{ID: l.ID, State: l.State, Tasks: l.Total, Workers: len(l.beats)}
	end := time.Now()
	if l.Ended != nil {
		end = *l.Ended
	}
	r.Seconds = end.Sub(l.Created).Seconds()
	for _, b := range l.beats {
		r.CoreSeconds += b.At.Sub(b.Began).Seconds() * float64(b.Cores)
		r.Kernels += b.Kernels
		r.Computed += b.Done
		r.Flops += b.Flops
		r.Received += b.Received
		r.Sent += b.Sent
		r.Traffic.add(b.Traffic)
	}
	p := priceList()
	r.PricesAsOf = p.AsOf
	r.Dollars = p.bill(r.CoreSeconds, r.Traffic, r.Received, r.Sent)
	return r
}

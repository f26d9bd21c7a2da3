// Many goroutines share a Coalescer: batches, answers of their own, lost replies, deadlines.
package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	pb "holdfast.test/client/holdfastv1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// line counts batches, and does to each what a test wants.
type line struct {
	pb.OrderServiceClient
	mutex    sync.Mutex
	requests []*pb.BatchSubmitRequest
	around   func(ctx context.Context, number int, submit submit) (*pb.BatchSubmitResponse, error)
}

type submit func() (*pb.BatchSubmitResponse, error)

func (l *line) BatchSubmit(ctx context.Context, request *pb.BatchSubmitRequest,
	options ...grpc.CallOption) (*pb.BatchSubmitResponse, error) {
	l.mutex.Lock()
	l.requests = append(l.requests, request)
	number := len(l.requests)
	l.mutex.Unlock()
	send := func() (*pb.BatchSubmitResponse, error) {
		return l.OrderServiceClient.BatchSubmit(ctx, request, options...)
	}
	if l.around == nil {
		return send()
	}
	return l.around(ctx, number, send)
}

func coalescer(t *testing.T, stock int64) (*Coalescer, *line, context.Context) {
	t.Helper()
	connection, ctx := dial(t)
	_, err := pb.NewStockServiceClient(connection).ReceiveStock(ctx, &pb.ReceiveStockRequest{
		RequestId: requestID(t, "stock"), Sku: sku(t), Warehouse: "hz", Quantity: stock})
	if err != nil {
		t.Fatal(err)
	}
	l := &line{OrderServiceClient: pb.NewOrderServiceClient(connection)}
	c := NewCoalescer(ctx, l)
	t.Cleanup(c.Close)
	return c, l, ctx
}

func sku(t *testing.T) string { return "go-" + t.Name() }

func placing(t *testing.T, number string, quantity int64) *pb.Command {
	request := place(t, fmt.Sprintf("go-%s-%d", number, time.Now().UnixNano()), quantity)
	request.Lines[0].Sku = sku(t)
	return &pb.Command{Command: &pb.Command_PlaceOrder{PlaceOrder: request}}
}

func TestManyGoroutinesShareBatchesAndEachGetsItsOwnAnswer(t *testing.T) {
	c, l, ctx := coalescer(t, 300)
	var all sync.WaitGroup
	for index := range 400 {
		quantity := int64(1)
		if index%4 == 3 {
			quantity = int64(1_000 + index)
		}
		all.Go(func() {
			outcome, err := c.Submit(ctx, placing(t, fmt.Sprint(index), quantity))
			if quantity == 1 {
				if err != nil || outcome.GetPlaceOrder() == nil {
					t.Errorf("%d got %v, %v", index, outcome, err)
				}
				return
			}
			for _, detail := range status.Convert(err).Details() {
				info, ok := detail.(*errdetails.ErrorInfo)
				if ok && info.Reason == "STOCK_INSUFFICIENT" && info.Metadata["asked"] == fmt.Sprint(quantity) {
					return
				}
			}
			t.Errorf("%d got %v, %v", index, outcome, err)
		})
	}
	all.Wait()
	if len(l.requests) >= 200 {
		t.Errorf("400 commands went in %d batches", len(l.requests))
	}
}

func TestALostReplyIsAskedForAgainWithTheSameRequest(t *testing.T) {
	c, l, ctx := coalescer(t, 10)
	l.around = func(_ context.Context, number int, submit submit) (*pb.BatchSubmitResponse, error) {
		response, err := submit()
		if number <= 2 {
			return nil, status.Error(codes.Unavailable, "the reply was lost")
		}
		return response, err
	}
	outcome, err := c.Submit(ctx, placing(t, "lost", 10))
	if err != nil || !outcome.GetPlaceOrder().GetReceipt().GetReplayed() {
		t.Fatalf("got %v, %v", outcome, err)
	}
	if len(l.requests) != 3 || !proto.Equal(l.requests[0], l.requests[2]) {
		t.Errorf("sent %v", l.requests)
	}
}

func TestADeadlinePassesForItsCallerAlone(t *testing.T) {
	c, l, ctx := coalescer(t, 10)
	arrived, resume := make(chan struct{}), make(chan struct{})
	l.around = func(_ context.Context, _ int, submit submit) (*pb.BatchSubmitResponse, error) {
		arrived <- struct{}{}
		<-resume
		return submit()
	}
	hasty, hangUp := context.WithCancel(ctx)
	hung := make(chan error, 1)
	patient := make(chan error, 1)
	go func() { _, err := c.Submit(hasty, placing(t, "hasty", 1)); hung <- err }()
	<-arrived
	go func() { _, err := c.Submit(ctx, placing(t, "patient", 1)); patient <- err }()
	hangUp()
	if err := <-hung; status.Code(err) != codes.Canceled {
		t.Errorf("the hasty one got %v", err)
	}
	resume <- struct{}{}
	<-arrived
	resume <- struct{}{}
	if err := <-patient; err != nil {
		t.Errorf("the patient one got %v", err)
	}
}

func TestClosingFailsWhatWaits(t *testing.T) {
	c, l, ctx := coalescer(t, 10)
	arrived := make(chan struct{})
	l.around = func(ctx context.Context, _ int, submit submit) (*pb.BatchSubmitResponse, error) {
		close(arrived)
		<-ctx.Done()
		return submit()
	}
	failed := make(chan error, 1)
	go func() { _, err := c.Submit(ctx, placing(t, "closed", 1)); failed <- err }()
	<-arrived
	c.Close()
	if err := <-failed; status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
	if _, err := c.Submit(ctx, placing(t, "after", 1)); !errors.Is(err, errClosed) {
		t.Errorf("after closing: %v", err)
	}
}

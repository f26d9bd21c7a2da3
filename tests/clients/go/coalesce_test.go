// Many goroutines share a Coalescer: batches, answers of their own, lost replies, deadlines, and
// commands that go alone.
package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// line remembers what was sent, and does to each call what a test wants.
type line struct {
	mutex  sync.Mutex
	sent   []sent
	around func(ctx context.Context, number int, call sent, send func() error) error
}

type sent struct {
	method  string
	request proto.Message
}

func (l *line) intercept(ctx context.Context, method string, request, reply any,
	connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	call := sent{method[strings.LastIndex(method, "/")+1:], proto.Clone(request.(proto.Message))}
	l.mutex.Lock()
	l.sent = append(l.sent, call)
	number := len(l.sent)
	l.mutex.Unlock()
	send := func() error { return invoke(ctx, method, request, reply, connection, options...) }
	if l.around == nil {
		return send()
	}
	return l.around(ctx, number, call, send)
}

// count tells how often a method was called.
func (l *line) count(method string) (found int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, call := range l.sent {
		if call.method == method {
			found++
		}
	}
	return found
}

func coalescer(t *testing.T, stock int64) (*Coalescer, *line, context.Context) {
	t.Helper()
	plain, ctx := dial(t)
	_, err := pb.NewStockServiceClient(plain).ReceiveStock(ctx, &pb.ReceiveStockRequest{
		RequestId: requestID(t, "stock"), Sku: sku(t), Warehouse: "hz", Quantity: stock})
	if err != nil {
		t.Fatal(err)
	}
	l := &line{}
	connection, ctx := dial(t, grpc.WithUnaryInterceptor(l.intercept))
	c := NewCoalescer(ctx, ServicesOf(connection))
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
	if len(l.sent) >= 200 {
		t.Errorf("400 commands went in %d calls", len(l.sent))
	}
}

func TestALostReplyIsAskedForAgainWithTheSameRequest(t *testing.T) {
	c, l, ctx := coalescer(t, 10)
	l.around = func(_ context.Context, number int, _ sent, send func() error) error {
		err := send()
		if number <= 2 {
			return status.Error(codes.Unavailable, "the reply was lost")
		}
		return err
	}
	outcome, err := c.Submit(ctx, placing(t, "lost", 10))
	if err != nil || !outcome.GetPlaceOrder().GetReceipt().GetReplayed() {
		t.Fatalf("got %v, %v", outcome, err)
	}
	if len(l.sent) != 3 || !proto.Equal(l.sent[0].request, l.sent[2].request) {
		t.Errorf("sent %v", l.sent)
	}
}

func TestACommandThatHasNoOthersBesideItGoesAlone(t *testing.T) {
	c, l, ctx := coalescer(t, 10)
	for index := range 3 {
		if _, err := c.Submit(ctx, placing(t, fmt.Sprint(index), 1)); err != nil {
			t.Fatal(err)
		}
	}
	if l.count("PlaceOrder") != 3 || len(l.sent) != 3 {
		t.Errorf("sent %v", l.sent)
	}
}

// together submits commands that cannot but be one batch, and gives their errors.
func together(t *testing.T, c *Coalescer, l *line, ctx context.Context, commands []*pb.Command,
	around func(call sent, send func() error) error) []error {
	t.Helper()
	arrived, resume := make(chan struct{}), make(chan struct{})
	l.around = func(_ context.Context, number int, call sent, send func() error) error {
		if number == 1 {
			close(arrived)
			<-resume
			return send()
		}
		return around(call, send)
	}
	errs := make([]error, len(commands))
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := c.Submit(ctx, placing(t, "first", 1)); err != nil {
			t.Error(err)
		}
	})
	<-arrived
	for index, command := range commands {
		all.Go(func() { _, errs[index] = c.Submit(ctx, command) })
	}
	for len(c.calls) < len(commands) {
		time.Sleep(time.Millisecond)
	}
	close(resume)
	all.Wait()
	return errs
}

func TestWithoutTheRightToBatchesEachCommandGoesAlone(t *testing.T) {
	c, l, ctx := coalescer(t, 100)
	var commands []*pb.Command
	for index := range 20 {
		commands = append(commands, placing(t, fmt.Sprint(index), 1))
	}
	errs := together(t, c, l, ctx, commands, func(call sent, send func() error) error {
		if call.method == "BatchSubmit" {
			return status.Error(codes.PermissionDenied, "no batches for you")
		}
		return send()
	})
	for index, err := range errs {
		if err != nil {
			t.Errorf("%d got %v", index, err)
		}
	}
	if l.count("BatchSubmit") != 1 || l.count("PlaceOrder") != 21 {
		t.Errorf("sent %v", l.sent)
	}
	if !c.denied {
		t.Error("it would try batches again")
	}
}

func TestWhatSpoilsABatchIsRefusedAlone(t *testing.T) {
	c, l, ctx := coalescer(t, 100)
	var commands []*pb.Command
	for index := range 10 {
		commands = append(commands, placing(t, fmt.Sprint(index), 1))
	}
	spoilt := commands[7].GetPlaceOrder()
	for len(spoilt.Lines) < 1_001 {
		spoilt.Lines = append(spoilt.Lines, spoilt.Lines[0])
	}
	errs := together(t, c, l, ctx, commands, func(_ sent, send func() error) error { return send() })
	for index, err := range errs {
		if (status.Code(err) == codes.InvalidArgument) != (index == 7) || (index != 7 && err != nil) {
			t.Errorf("%d got %v", index, err)
		}
	}
	if c.denied || l.count("BatchSubmit") != 1 {
		t.Errorf("sent %v", l.sent)
	}
}

func TestADeadlinePassesForItsCallerAlone(t *testing.T) {
	c, l, ctx := coalescer(t, 10)
	arrived, resume := make(chan struct{}), make(chan struct{})
	l.around = func(_ context.Context, _ int, _ sent, send func() error) error {
		arrived <- struct{}{}
		<-resume
		return send()
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
	l.around = func(ctx context.Context, _ int, _ sent, send func() error) error {
		close(arrived)
		<-ctx.Done()
		return send()
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

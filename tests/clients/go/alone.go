// Commands without others beside them: each is asked for as the call that it stands for.

package client

import (
	"context"
	"sync"
	"time"

	pb "holdfast.test/client/holdfastv1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// Keepalive finds a server that vanished, between calls too. Servers send away who pings more
// often than their ping_spacing_s, 10 seconds if nobody has set it.
var Keepalive = grpc.WithKeepaliveParams(keepalive.ClientParameters{
	Time: 20 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true})

// Services are what commands alone are asked of.
type Services struct {
	Orders  pb.OrderServiceClient
	Parcels pb.ParcelServiceClient
	Stock   pb.StockServiceClient
}

// ServicesOf gives them for one connection.
func ServicesOf(connection grpc.ClientConnInterface) Services {
	return Services{pb.NewOrderServiceClient(connection), pb.NewParcelServiceClient(connection),
		pb.NewStockServiceClient(connection)}
}

// spoilt tells whether a batch was refused as a whole before anything of it was done.
func spoilt(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.PermissionDenied, codes.ResourceExhausted,
		codes.Unauthenticated, codes.Unimplemented:
		_, temporary := pauseOf(failure(err).GetRefused(), 0)
		return !temporary
	}
	return false
}

// alone asks for each command by itself, all at once: there is no order among them.
func (c *Coalescer) alone(ctx context.Context, batch []*call) []*pb.CommandOutcome {
	outcomes := make([]*pb.CommandOutcome, len(batch))
	var all sync.WaitGroup
	for index, one := range batch {
		all.Go(func() {
			ctx, cancel := context.WithDeadline(ctx, one.deadline())
			defer cancel()
			outcome, err := c.services.ask(ctx, one.command)
			if err != nil {
				outcome = failure(err)
			}
			outcomes[index] = outcome
		})
	}
	all.Wait()
	return outcomes
}

// ask makes the call that a command stands for.
func (s Services) ask(ctx context.Context, command *pb.Command) (*pb.CommandOutcome, error) {
	outcome := &pb.CommandOutcome{}
	var err error
	switch asked := command.Command.(type) {
	case *pb.Command_PlaceOrder:
		answer := &pb.CommandOutcome_PlaceOrder{}
		answer.PlaceOrder, err = s.Orders.PlaceOrder(ctx, asked.PlaceOrder)
		outcome.Outcome = answer
	case *pb.Command_StartPayment:
		answer := &pb.CommandOutcome_StartPayment{}
		answer.StartPayment, err = s.Orders.StartPayment(ctx, asked.StartPayment)
		outcome.Outcome = answer
	case *pb.Command_FailPayment:
		answer := &pb.CommandOutcome_FailPayment{}
		answer.FailPayment, err = s.Orders.FailPayment(ctx, asked.FailPayment)
		outcome.Outcome = answer
	case *pb.Command_ConfirmPayment:
		answer := &pb.CommandOutcome_ConfirmPayment{}
		answer.ConfirmPayment, err = s.Orders.ConfirmPayment(ctx, asked.ConfirmPayment)
		outcome.Outcome = answer
	case *pb.Command_ReleaseHold:
		answer := &pb.CommandOutcome_ReleaseHold{}
		answer.ReleaseHold, err = s.Orders.ReleaseHold(ctx, asked.ReleaseHold)
		outcome.Outcome = answer
	case *pb.Command_CancelOrder:
		answer := &pb.CommandOutcome_CancelOrder{}
		answer.CancelOrder, err = s.Orders.CancelOrder(ctx, asked.CancelOrder)
		outcome.Outcome = answer
	case *pb.Command_AdvanceParcel:
		answer := &pb.CommandOutcome_AdvanceParcel{}
		answer.AdvanceParcel, err = s.Parcels.AdvanceParcel(ctx, asked.AdvanceParcel)
		outcome.Outcome = answer
	case *pb.Command_ReceiveStock:
		answer := &pb.CommandOutcome_ReceiveStock{}
		answer.ReceiveStock, err = s.Stock.ReceiveStock(ctx, asked.ReceiveStock)
		outcome.Outcome = answer
	default:
		err = status.Errorf(codes.InvalidArgument, "a command is %T, which is none", asked)
	}
	return outcome, err
}

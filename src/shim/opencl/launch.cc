// SPDX-License-Identifier: Apache-2.0
// Takes commands through admission, gates and completion.

#include "shim/opencl/launch.h"

namespace melon::shim {

constinit __thread unsigned callback_depth = 0;
constinit __thread Unlimited unlimited{};

namespace {

/// What a completion callback needs.
struct Notice {
  std::uint32_t index;
  std::atomic<std::uint32_t> next;  // of the slab
  std::uint32_t epoch;
  bool profiled;
  Flight* flight;
  GateRef gate;
};

Slab<Notice> g_notices;

bool is_charged(const Queue& queue, const Cost& cost) {
  return cost.kind == Cost::Kind::kUnits || (cost.kind == Cost::Kind::kTransfer && queue.is_cpu);
}

Nanoseconds time_of(const Driver& next, cl_event event, cl_profiling_info what) {
  cl_ulong time = 0;
  if (next.clGetEventProfilingInfo(event, what, sizeof time, &time, nullptr) != CL_SUCCESS)
    return 0;
  return time;
}

void complete(const Driver& next, Notice* notice, cl_event event, cl_int status) {
  if (notice->epoch == session()->epoch) {
    const bool timed = notice->profiled && status == CL_COMPLETE && event != nullptr;
    const Nanoseconds start = timed ? time_of(next, event, CL_PROFILING_COMMAND_START) : 0;
    const Nanoseconds finish = timed ? time_of(next, event, CL_PROFILING_COMMAND_END) : 0;
    Gates::complete(next, notice->gate);
    tenant()->finish(notice->flight, start, finish);
  }
  g_notices.give(notice);
}

void CL_CALLBACK on_complete(cl_event event, cl_int status, void* data) {
  const Driver& next = any_driver();
  complete(next, static_cast<Notice*>(data), event, status);
  next.clReleaseEvent(event);
}

// Asks the driver to tell when the flight's command is complete.
void watch(Submission& submission, cl_command_queue queue) {
  const Driver& next = submission.next;
  const cl_event event = *submission.event();
  Notice* const notice = g_notices.take();
  if (notice == nullptr) {
    Gates::detach(submission.gate);
    tenant()->finish(submission.launch.flight, 0, 0);
    return;
  }
  notice->epoch = session()->epoch;
  notice->profiled = submission.queue->profiled;
  notice->flight = submission.launch.flight;
  notice->gate = submission.gate;
  next.clRetainEvent(event);
  if (next.clSetEventCallback(event, CL_COMPLETE, on_complete, notice) != CL_SUCCESS) {
    complete(next, notice, nullptr, CL_SUCCESS);
    next.clReleaseEvent(event);
    return;
  }
  // A driver may keep commands back until a flush; ours is waited for without one.
  if (submission.gate.gate == nullptr) next.clFlush(queue);
}

// On a driver's callback thread nothing may wait for a completion that this very thread delivers,
// nor for a queue's lock that is held by someone who waits so.
Launch admit_in_callback(const Submission& submission) {
  QueueState none{};
  return tenant()->admit(static_cast<unsigned>(submission.queue->slice), none, submission.cost.key,
                         Order::kGated);
}

// Where nothing is paced there is nothing to guard but a count of launches, which every thread
// keeps for itself; the lock would be most of what such a launch costs.
Unlimited& count_of(const Queue& queue) {
  if (__builtin_expect(unlimited.slice != queue.slice, 0)) unlimited = {QueueState{}, queue.slice};
  return unlimited;
}

Launch admit_unlimited(const Queue& queue, std::uint64_t key) {
  return tenant()->admit(static_cast<unsigned>(queue.slice), count_of(queue).state, key,
                         Order::kInOrder);
}

Launch admit(const Submission& submission) {
  Queue& queue = *submission.queue;
  if (submission.gate.gate == nullptr && !tenant()->pacing(static_cast<unsigned>(queue.slice)))
    return admit_unlimited(queue, submission.cost.key);
  const Order order = submission.gate.gate != nullptr ? Order::kGated
                      : queue.unordered               ? Order::kUnordered
                                                      : Order::kInOrder;
  const Guard guard(queue.lock);
  return tenant()->admit(static_cast<unsigned>(queue.slice), queue.state, submission.cost.key,
                         order);
}

void cancel(Submission& submission) {
  Queue& queue = *submission.queue;
  if (submission.in_callback) {
    QueueState none{};
    tenant()->cancel(submission.launch, none);
  } else if (submission.charged) {
    const Guard guard(queue.lock);
    tenant()->cancel(submission.launch, queue.state);
  }
}

GateRef make_gate(const Submission& submission) {
  const Cost::Kind kind = submission.cost.kind;
  const bool waits_for_all =
      (kind == Cost::Kind::kBarrier || kind == Cost::Kind::kMarker) && submission.waits.count == 0;
  return Gates::make(submission.queue, submission.waits.count, submission.waits.events,
                     waits_for_all);
}

}  // namespace

const Driver& any_driver() { return is_layer() ? layer_target() : loader(); }

bool passes_by_queue(cl_command_queue queue, const Cost& cost) {
  if (cost.kind != Cost::Kind::kUnits && cost.kind != Cost::Kind::kTransfer) return true;
  const Queue* const known = find_queue(queue);
  if (known == nullptr || known->slice < 0 || !is_charged(*known, cost)) return true;
  return count_unlimited(count_of(*known).state);
}

bool begin(Submission& submission) {
  submission.charged = is_charged(*submission.queue, submission.cost);
  if (__builtin_expect(Gates::any(), 0)) submission.gate = make_gate(submission);
  if (!submission.charged) return submission.gate.gate != nullptr;
  submission.in_callback = callback_depth != 0;
  submission.launch = __builtin_expect(submission.in_callback, 0) ? admit_in_callback(submission)
                                                                  : admit(submission);
  return true;
}

void end(Submission& submission, cl_command_queue queue, cl_int status) {
  if (status != CL_SUCCESS) {
    cancel(submission);
    Gates::discard(submission.next, submission.gate);
    return;
  }
  Flight* const flight = submission.launch.flight;
  const cl_event event = *submission.event();
  if (submission.gate.gate != nullptr)
    Gates::arm(submission.next, submission.gate, event, flight, submission.queue,
               !submission.queue->unordered || submission.cost.kind == Cost::Kind::kBarrier);
  else if (submission.in_callback && flight != nullptr)
    tenant()->open_gate(flight);
  if (flight != nullptr) watch(submission, queue);
  if (submission.own != nullptr) submission.next.clReleaseEvent(submission.own);
}

}  // namespace melon::shim

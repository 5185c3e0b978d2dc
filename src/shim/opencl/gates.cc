// SPDX-License-Identifier: Apache-2.0
// Commands that wait for the program itself.

#include "shim/opencl/gates.h"

#include "shim/opencl/queues.h"

namespace melon::shim {

struct Edge {
  std::uint32_t index;
  std::atomic<std::uint32_t> next;  // of the slab
  GateRef child;                    // it may have opened by itself
  Edge* chain;
};

struct Gate {
  std::uint32_t index;
  std::atomic<std::uint32_t> next;  // of the slab
  std::uint64_t serial;
  unsigned pending;     // closed gates that it depends on
  unsigned references;  // of the program, to a user event
  bool is_user_event;
  Flight* flight;
  Queue* queue;
  cl_event event;  // in the table under this handle; null: not in the table
  Gate* bucket_next;
  Edge* children;
  Gate* open_next;  // while opening
};

namespace {

constexpr unsigned kBits = 8;
Slab<Gate> g_gates;
Slab<Edge> g_edges;
Gate* g_table[1U << kBits];
std::uint64_t g_serial = 0;

Gate*& bucket_of(cl_event event) {
  const std::uint64_t value = reinterpret_cast<std::uintptr_t>(event) >> 4;
  return g_table[(value * 0x9e3779b97f4a7c15ULL) >> (64 - kBits)];
}

Gate* find(cl_event event) {
  for (Gate* gate = bucket_of(event); gate != nullptr; gate = gate->bucket_next)
    if (gate->event == event) return gate;
  return nullptr;
}

void remove(Gate* gate) {
  for (Gate** link = &bucket_of(gate->event); *link != nullptr; link = &(*link)->bucket_next) {
    if (*link != gate) continue;
    *link = gate->bucket_next;
    return;
  }
}

void put(Gate* gate, cl_event event) {
  gate->event = event;
  gate->bucket_next = bucket_of(event);
  bucket_of(event) = gate;
}

bool is_closed(const GateRef& ref) { return ref.gate != nullptr && ref.gate->serial == ref.serial; }

Gate* take_gate() {
  Gate* const gate = g_gates.take();
  if (gate == nullptr) return nullptr;
  gate->serial = ++g_serial;
  gate->pending = 0;
  gate->references = 0;
  gate->is_user_event = false;
  gate->flight = nullptr;
  gate->queue = nullptr;
  gate->event = nullptr;
  gate->bucket_next = gate->open_next = nullptr;
  gate->children = nullptr;
  return gate;
}

void depend(Gate* child, Gate* parent) {
  Edge* const edge = g_edges.take();
  if (edge == nullptr) return;  // no memory: the child opens early, which is only less exact
  edge->child = {child, child->serial};
  edge->chain = parent->children;
  parent->children = edge;
  ++child->pending;
}

void depend_on_queue(Gate* child, const Queue* queue) {
  for (Gate* head : g_table)
    for (Gate* gate = head; gate != nullptr; gate = gate->bucket_next)
      if (gate != child && gate->queue == queue) depend(child, gate);
}

}  // namespace

std::atomic<std::uint32_t> Gates::closed_{0};

GateRef Gates::make(Queue* queue, cl_uint count, const cl_event* waits, bool all_of_queue) {
  const Guard guard(session()->gates);
  Gate* const gate = take_gate();
  if (gate == nullptr) return {};
  if (is_closed(queue->gate)) depend(gate, queue->gate.gate);
  for (cl_uint i = 0; waits != nullptr && i < count; ++i)
    if (Gate* const parent = find(waits[i]); parent != nullptr) depend(gate, parent);
  if (all_of_queue) depend_on_queue(gate, queue);
  if (gate->pending == 0) {
    gate->serial = 0;
    g_gates.give(gate);
    return {};
  }
  gate->queue = queue;
  closed_.fetch_add(1, std::memory_order_relaxed);
  return {gate, gate->serial};
}

void Gates::add_user_event(cl_event event) {
  const Guard guard(session()->gates);
  Gate* const gate = take_gate();
  if (gate == nullptr) return;
  gate->is_user_event = true;
  gate->references = 1;
  put(gate, event);
  closed_.fetch_add(1, std::memory_order_relaxed);
}

void Gates::open_user_event(const Driver& next, cl_event event) {
  const Guard guard(session()->gates);
  if (Gate* const gate = find(event); gate != nullptr && gate->is_user_event) open(next, gate);
}

void Gates::retain_user_event(cl_event event) {
  const Guard guard(session()->gates);
  if (Gate* const gate = find(event); gate != nullptr && gate->is_user_event) ++gate->references;
}

void Gates::release_user_event(cl_event event) {
  const Guard guard(session()->gates);
  Gate* const gate = find(event);
  if (gate == nullptr || !gate->is_user_event || --gate->references != 0) return;
  remove(gate);
  for (Edge* edge = gate->children; edge != nullptr;) {
    Edge* const after = edge->chain;
    g_edges.give(edge);
    edge = after;
  }
  end(gate);
}

void Gates::arm(const Driver& next, GateRef ref, cl_event event, Flight* flight, Queue* queue,
                bool holds_queue) {
  const Guard guard(session()->gates);
  if (!is_closed(ref)) {
    if (flight != nullptr) tenant()->open_gate(flight);
    return;
  }
  Gate* const gate = ref.gate;
  gate->flight = flight;
  if (event != nullptr) {
    next.clRetainEvent(event);
    put(gate, event);
  }
  if (holds_queue) queue->gate = ref;
}

void Gates::discard(const Driver& next, GateRef ref) {
  const Guard guard(session()->gates);
  if (is_closed(ref)) open(next, ref.gate);
}

void Gates::detach(GateRef ref) {
  if (ref.gate == nullptr) return;
  const Guard guard(session()->gates);
  if (is_closed(ref)) ref.gate->flight = nullptr;
}

void Gates::complete(const Driver& next, GateRef ref) {
  if (ref.gate == nullptr) return;
  const Guard guard(session()->gates);
  if (!is_closed(ref)) return;
  ref.gate->flight = nullptr;
  open(next, ref.gate);
}

void Gates::end(Gate* gate) {
  gate->serial = 0;
  closed_.fetch_sub(1, std::memory_order_relaxed);
  g_gates.give(gate);
}

// Opens a gate and whatever waited for it alone.
void Gates::open(const Driver& next, Gate* first) {
  first->open_next = nullptr;
  for (Gate* gate = first; gate != nullptr;) {
    Gate* rest = gate->open_next;
    if (gate->event != nullptr) {
      remove(gate);
      if (!gate->is_user_event) next.clReleaseEvent(gate->event);
    }
    if (gate->flight != nullptr) tenant()->open_gate(gate->flight);
    for (Edge* edge = gate->children; edge != nullptr;) {
      Edge* const after = edge->chain;
      if (is_closed(edge->child) && --edge->child.gate->pending == 0) {
        edge->child.gate->open_next = rest;
        rest = edge->child.gate;
      }
      g_edges.give(edge);
      edge = after;
    }
    end(gate);
    gate = rest;
  }
}

}  // namespace melon::shim

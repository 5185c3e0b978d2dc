// SPDX-License-Identifier: Apache-2.0
// Runs the commands of the simulated devices.

#include "sim/opencl/engine.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "sim/opencl/icd.h"
#include "sim/opencl/script.h"
#include "sim/opencl/submission.h"

namespace melon::sim {
namespace {

using Lock = std::unique_lock<std::mutex>;
constexpr std::uint64_t kNever = ~std::uint64_t{0};

// Never destroyed: the driver's thread goes on while the program exits.
std::mutex& g_mutex = *new std::mutex;
std::condition_variable& g_changed = *new std::condition_variable;
std::uint64_t g_virtual_now = 1'000'000'000;
std::uint64_t g_flushed = 0;  // commands submitted up to here may start
std::uint64_t g_submitted = 0;

bool is_done(cl_event event) { return event->status <= CL_COMPLETE; }

bool has_failed(cl_event event) { return event->status < CL_COMPLETE; }

bool can_start(cl_event event) {
  if (script().hold_until_flush && event->queued_at > g_flushed) return false;
  return std::all_of(event->waits.begin(), event->waits.end(), is_done);
}

// When the last of its waits was over.
std::uint64_t ready_at(cl_event event) {
  std::uint64_t at = script().hold_until_flush ? 0 : event->queued_at;
  for (cl_event wait : event->waits) at = std::max(at, wait->ended_at);
  return at;
}

// Starts what can start on an idle device.
void start_next(cl_device_id device) {
  if (device->running != nullptr) return;
  const auto found = std::find_if(device->pending.begin(), device->pending.end(), can_start);
  if (found == device->pending.end()) return;
  cl_event const event = *found;
  device->pending.erase(found);
  device->running = event;
  event->status = CL_RUNNING;
  const bool failed = std::any_of(event->waits.begin(), event->waits.end(), has_failed);
  if (failed) {
    event->duration_ns = 0;
    event->work = nullptr;
    event->outcome = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  }
  event->started_at =
      std::max({device->free_at, ready_at(event), script().hold_until_flush ? now() : 0});
  event->ended_at = event->started_at + event->duration_ns;
  device->free_at = event->ended_at;
  if (event->type == CL_COMMAND_NDRANGE_KERNEL && !failed) counters().launches.fetch_add(1);
  counters().busy_ns.fetch_add(static_cast<std::int64_t>(event->duration_ns));
}

// The next running command to end, over all devices.
cl_device_id next_to_end() {
  cl_device_id next = nullptr;
  for (cl_device_id device : devices()) {
    start_next(device);
    if (device->running == nullptr) continue;
    if (next == nullptr || device->running->ended_at < next->running->ended_at) next = device;
  }
  return next;
}

// Tells of an event's end. Callbacks run without the lock.
void announce(cl_event event, Lock& lock) {
  std::vector<_cl_event::Callback> callbacks;
  callbacks.swap(event->callbacks);
  g_changed.notify_all();
  lock.unlock();
  for (const auto& callback : callbacks)
    callback.notify(event, std::min<cl_int>(event->status, callback.type), callback.user_data);
  lock.lock();
}

void finish_running(cl_device_id device, Lock& lock) {
  cl_event const event = device->running;
  lock.unlock();
  if (event->work) event->work();
  if (script().is_cpu && event->duration_ns != 0 && !script().virtual_clock)
    while (now() < event->ended_at) {
    }
  lock.lock();
  event->status = event->outcome;
  device->running = nullptr;
  if (event->queue != nullptr) --event->queue->unfinished;
  announce(event, lock);
  std::vector<cl_event> waits;
  waits.swap(event->waits);
  std::vector<cl_mem> uses;
  uses.swap(event->uses);
  lock.unlock();
  for (cl_mem mem : uses) release(mem);
  for (cl_event wait : waits) release(wait);
  release(event);
  lock.lock();
}

[[noreturn]] void run_driver() {
  pthread_setname_np(pthread_self(), "sim-opencl");
  Lock lock(g_mutex);
  for (;;) {
    cl_device_id const device = next_to_end();
    if (device == nullptr) {
      g_changed.wait(lock);
      continue;
    }
    const std::uint64_t end = device->running->ended_at;
    const std::uint64_t at = now();
    if (script().is_cpu || at >= end)
      finish_running(device, lock);
    else
      g_changed.wait_for(lock, std::chrono::nanoseconds(end - at));
  }
}

// Virtual time: completes the next command that ends until `when`; if there is none, it is `when`.
// A sleeper is thus woken by every completion, as real ones are.
void advance(std::uint64_t when, Lock& lock) {
  cl_device_id const device = next_to_end();
  if (device == nullptr || device->running->ended_at > when) {
    g_virtual_now = std::max(g_virtual_now, when);
    return;
  }
  g_virtual_now = std::max(g_virtual_now, device->running->ended_at);
  finish_running(device, lock);
}

// Virtual time: completes the next command. False: nothing can end by itself.
bool advance_one(Lock& lock) {
  cl_device_id const device = next_to_end();
  if (device == nullptr) return false;
  g_virtual_now = std::max(g_virtual_now, device->running->ended_at);
  finish_running(device, lock);
  return true;
}

template <class Done>
void wait_until(Done done) {
  Lock lock(g_mutex);
  g_flushed = kNever;
  g_changed.notify_all();
  while (!done()) {
    if (!script().virtual_clock)
      g_changed.wait(lock);
    else if (!advance_one(lock))
      return;
  }
  g_flushed = now();
}

void add_wait(cl_event event, cl_event wait) {
  if (wait == nullptr || wait == event) return;
  retain(wait);
  event->waits.push_back(wait);
}

void wait_for_all(cl_event event, const _cl_device_id& device) {
  if (device.running != nullptr && device.running->queue == event->queue)
    add_wait(event, device.running);
  for (cl_event earlier : device.pending)
    if (earlier->queue == event->queue) add_wait(event, earlier);
}

}  // namespace

void start_engine() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (script().constant || script().virtual_clock) return;
    std::thread(run_driver).detach();
  });
}

void submit(cl_event event, bool holds_queue, bool after_all) {
  const Lock lock(g_mutex);
  cl_command_queue const queue = event->queue;
  const bool unordered = (queue->flags & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
  event->queued_at = now();
  ++g_submitted;
  cl_device_id const device =
      queue->device->parent != nullptr ? queue->device->parent : queue->device;
  if (!unordered) add_wait(event, queue->last);
  if (unordered && after_all) wait_for_all(event, *device);
  add_wait(event, queue->barrier);
  retain(event);  // the queue's last
  if (queue->last != nullptr) release(queue->last);
  queue->last = event;
  if (holds_queue) {
    retain(event);
    if (queue->barrier != nullptr) release(queue->barrier);
    queue->barrier = event;
  }
  ++queue->unfinished;
  retain(event);  // the engine's
  device->pending.push_back(event);
  if (!script().virtual_clock) g_changed.notify_all();
}

void flush() {
  if (!script().hold_until_flush) return;
  const Lock lock(g_mutex);
  g_flushed = now();
  g_changed.notify_all();
}

cl_int wait_for(cl_event event) {
  wait_until([event] { return is_done(event); });
  return event->status;
}

void wait_for_queue(cl_command_queue queue) {
  wait_until([queue] { return queue->unfinished == 0; });
}

void set_user_event(cl_event event, cl_int status) {
  Lock lock(g_mutex);
  event->status = status;
  event->ended_at = now();
  announce(event, lock);
}

void add_callback(cl_event event, const _cl_event::Callback& callback) {
  Lock lock(g_mutex);
  if (!is_done(event)) {
    event->callbacks.push_back(callback);
    return;
  }
  lock.unlock();
  callback.notify(event, event->status, callback.user_data);
}

cl_int status_of(cl_event event) {
  const Lock lock(g_mutex);
  return event->status;
}

void retain(cl_event event) { event->references.fetch_add(1, std::memory_order_relaxed); }

void release(cl_event event) {
  if (event->references.fetch_sub(1) != 1) return;
  delete event;
}

// A queue's memory stays, because events name their queue for as long as they live.
void release(cl_command_queue queue) {
  if (queue->references.fetch_sub(1) != 1) return;
  wait_for_queue(queue);
  const Lock lock(g_mutex);
  if (queue->last != nullptr) release(queue->last);
  if (queue->barrier != nullptr) release(queue->barrier);
  queue->last = queue->barrier = nullptr;
}

}  // namespace melon::sim

std::uint64_t melon_sim_now(void*) { return melon::sim::g_virtual_now; }

void melon_sim_sleep_until(void*, std::uint64_t when) {
  melon::sim::Lock lock(melon::sim::g_mutex);
  melon::sim::advance(when, lock);
}

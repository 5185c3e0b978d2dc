// SPDX-License-Identifier: Apache-2.0
// Advances the simulated device and its programs from event to event.

#include "shim/core/simulated_device.h"

#include <algorithm>
#include <cmath>

namespace melon::shim {
namespace {

constexpr Nanoseconds kHostCost = 4 * kMicrosecond;      // of one launch, in the program's thread
constexpr Nanoseconds kLongestWait = 20 * kMillisecond;  // as admit() does
constexpr Nanoseconds kSlice = 2 * kMillisecond;

Nanoseconds virtual_now(void* context) { return static_cast<SimulatedDevice*>(context)->now(); }
void no_sleep(void*, Nanoseconds) {}

}  // namespace

SimulatedDevice::SimulatedDevice(const TestGrants& grants, Sharing sharing, unsigned units)
    : grants_(grants), sharing_(sharing), units_(units), clock_{virtual_now, no_sleep, this} {}

unsigned SimulatedDevice::start(const SimulatedProgram& program) {
  auto process = std::make_unique<Process>();
  process->program = program;
  process->program.active_from = std::max(program.active_from, now_);
  process->tenant =
      program.grant.empty() ? Tenant::open(nullptr, clock_) : grants_.open(program.grant, clock_);
  process->queues.resize(program.queues);
  for (unsigned i = 0; i < program.threads; ++i)
    process->threads.push_back({.number = i, .act_at = process->program.active_from});
  DeviceSource source{};
  source.context = process.get();
  if (sharing_ == Sharing::kProcessor) source.consumed = consumed;
  process->tenant->attach(0, source);
  processes_.push_back(std::move(process));
  return static_cast<unsigned>(processes_.size() - 1);
}

Nanoseconds SimulatedDevice::consumed(void* context) {
  const auto* const process = static_cast<const Process*>(context);
  return static_cast<Nanoseconds>(process->busy + process->compiled);
}

void SimulatedDevice::stop(unsigned process, Nanoseconds until) {
  processes_[process]->stopped_until = until;
  for (Thread& thread : processes_[process]->threads)
    thread.act_at = std::max(thread.act_at, until);
}

Nanoseconds SimulatedDevice::late(const Process& process) {
  const Nanoseconds loaded = process.program.wake_late;
  return jitter_(random_) + (loaded == 0 ? 0 : random_() % loaded);
}

void SimulatedDevice::wake_held(Process& process) {
  for (Thread& thread : process.threads)
    if (thread.held) thread.act_at = std::min(thread.act_at, now_ + late(process));
}

void SimulatedDevice::announce_policy() {
  for (const auto& process : processes_) wake_held(*process);
}

Nanoseconds SimulatedDevice::device_time(Nanoseconds host) const {
  return host + offset_ + static_cast<Nanoseconds>(static_cast<double>(host) * drift_);
}

Nanoseconds SimulatedDevice::busy(unsigned process) const {
  return static_cast<Nanoseconds>(processes_[process]->busy);
}

Nanoseconds SimulatedDevice::busy_total() const {
  double sum = 0;
  for (const auto& process : processes_) sum += process->busy;
  return static_cast<Nanoseconds>(sum);
}

bool SimulatedDevice::Process::has_work() const { return heads() > 0; }

unsigned SimulatedDevice::Process::heads() const {
  return static_cast<unsigned>(
      std::count_if(queues.begin(), queues.end(), [](const Queue& q) { return !q.work.empty(); }));
}

/// A thread's launches go to its queues in turn.
SimulatedDevice::Queue& SimulatedDevice::Process::queue_of(const Thread& thread) {
  const std::size_t own = queues.size() / threads.size();
  return queues[thread.number + thread.launched % own * threads.size()];
}

void SimulatedDevice::run_until(Nanoseconds time) {
  while (now_ < time) {
    for (const auto& process : processes_) {
      deliver(*process);
      for (Thread& thread : process->threads) act(*process, thread);
    }
    if (sharing_ == Sharing::kSliced) next_slice();
    advance(std::min(time, next_event()));
  }
}

/// True, and told when to look again, while the program does nothing.
bool SimulatedDevice::inactive(const Process& process, Thread& thread) {
  const SimulatedProgram& program = process.program;
  if (now_ >= program.active_until) {
    thread.act_at = kNever;
    return true;
  }
  if (program.period == 0) return false;
  const Nanoseconds phase = (now_ - program.active_from) % program.period;
  if (phase < program.on) return false;
  thread.act_at = now_ + program.period - phase;
  return true;
}

void SimulatedDevice::act(Process& process, Thread& thread) {
  if (thread.act_at > now_ || now_ < process.stopped_until) return;
  const bool asked = thread.wanted != kNever;  // who is held does not give up
  if (!asked && inactive(process, thread)) return;
  const SimulatedProgram& program = process.program;
  if (thread.outstanding >= (program.synchronous ? 1 : program.depth)) {
    thread.act_at = kNever;  // until something finishes
    return;
  }
  if (thread.wanted == kNever) thread.wanted = now_;
  const std::size_t which = thread.launched % program.kernels.size();
  Launch launch;
  Nanoseconds again = 0;
  thread.held = !process.tenant->try_admit(0, process.queue_of(thread).state, which + 1,
                                           program.order, launch, again);
  if (thread.held) {
    thread.act_at = std::max(std::min(again, now_ + kLongestWait), now_) + late(process);
    return;
  }
  process.longest_hold = std::max(process.longest_hold, now_ - thread.wanted);
  enqueue(process, thread, launch, program.kernels[which]);
  thread.act_at = now_ + kHostCost;
}

void SimulatedDevice::enqueue(Process& process, Thread& thread, const Launch& launch,
                              Nanoseconds cost) {
  const double compile = process.launched < process.program.kernels.size()
                             ? static_cast<double>(process.program.compile)
                             : 0;
  process.queue_of(thread).work.push_back(
      {launch, compile, static_cast<double>(cost), thread.wanted, 0, submitted_++, thread.number});
  thread.wanted = kNever;
  ++thread.launched;
  ++thread.outstanding;
  ++process.launched;
}

void SimulatedDevice::deliver(Process& process) {
  if (now_ < process.stopped_until) return;
  while (!process.notices.empty() && process.notices.front().at <= now_) {
    const Notice notice = process.notices.front();
    process.notices.pop_front();
    process.tenant->finish(notice.flight, notice.start, notice.end);
    wake_held(process);
  }
}

const SimulatedDevice::Queue* SimulatedDevice::first_submitted() const {
  const Queue* first = nullptr;
  for (const auto& process : processes_)
    for (const Queue& queue : process->queues)
      if (!queue.work.empty() &&
          (first == nullptr || queue.work.front().number < first->work.front().number))
        first = &queue;
  return first;
}

SimulatedDevice::Service SimulatedDevice::service_of(const Process& process,
                                                     const Queue& queue) const {
  if (queue.work.empty()) return {0, 0};
  if (sharing_ == Sharing::kInTurn)
    return first_submitted() == &queue ? Service{1, 1} : Service{0, 0};
  const bool sliced = sharing_ == Sharing::kSliced;
  if (sliced && processes_[sliced_].get() != &process) return {0, 0};
  const auto sharers = std::count_if(processes_.begin(), processes_.end(),
                                     [](const auto& p) { return p->has_work(); });
  const double units = units_ / (sliced ? 1.0 : static_cast<double>(sharers));
  const double width = process.program.width == 0 ? units_ : process.program.width;
  const double got = std::min(width, units / process.heads());
  return {got / width, sliced ? 1.0 / process.heads() : got / units_};
}

/// When the first of a process's kernels that run now would end.
Nanoseconds SimulatedDevice::next_end(const Process& process) const {
  Nanoseconds next = kNever;
  for (const Queue& queue : process.queues) {
    const double rate = service_of(process, queue).progress;
    if (rate <= 0) continue;
    const Kernel& head = queue.work.front();
    const double left = (head.compile > 0 ? head.compile : head.remaining) / rate;
    next = std::min(next, now_ + static_cast<Nanoseconds>(std::ceil(left)));
  }
  return next;
}

Nanoseconds SimulatedDevice::next_event() const {
  Nanoseconds next = now_ + 10 * kMillisecond;
  for (const auto& process : processes_) {
    for (const Thread& thread : process->threads)
      next = std::min(next, std::max(thread.act_at, process->stopped_until));
    for (const Notice& notice : process->notices)
      next = std::min(next, std::max(notice.at, process->stopped_until));
    next = std::min(next, next_end(*process));
  }
  const bool slicing = sharing_ == Sharing::kSliced && !processes_.empty();
  if (slicing && processes_[sliced_]->has_work()) next = std::min(next, slice_end_);
  return std::max(next, now_ + 1);
}

void SimulatedDevice::advance(Nanoseconds to) {
  std::vector<Service> services;
  for (const auto& process : processes_)
    for (const Queue& queue : process->queues) services.push_back(service_of(*process, queue));
  auto next = services.begin();
  for (const auto& process : processes_)
    for (Queue& queue : process->queues) serve(*process, queue, *next++, to);
  now_ = to;
}

void SimulatedDevice::serve(Process& process, Queue& queue, Service got, Nanoseconds to) {
  const double time = static_cast<double>(to - now_) * got.progress;
  if (time <= 0) return;
  Kernel& head = queue.work.front();
  const double use = got.use / got.progress;  // device time for each ns of the kernel
  if (head.compile > 0) {
    process.compiled += std::min(time, head.compile) * use;
    head.compile -= time;
    return;
  }
  if (head.started == 0) {
    head.started = now_;
    process.latencies.push_back(now_ - head.wanted);
  }
  process.busy += std::min(time, head.remaining) * use;
  head.remaining -= time;
  if (head.remaining <= 0.5) complete(process, queue, to);
}

void SimulatedDevice::next_slice() {
  if (processes_.empty()) return;
  if (processes_[sliced_]->has_work() && now_ < slice_end_) return;
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    sliced_ = (sliced_ + 1) % static_cast<unsigned>(processes_.size());
    if (processes_[sliced_]->has_work()) break;
  }
  slice_end_ = now_ + kSlice;
}

void SimulatedDevice::complete(Process& process, Queue& queue, Nanoseconds at) {
  const Kernel done = queue.work.front();
  queue.work.pop_front();
  Thread& thread = process.threads[done.thread];
  --thread.outstanding;
  ++process.finished;
  process.responses.push_back(at - done.wanted);
  if (done.launch.flight != nullptr)
    process.notices.push_back(
        {at + 10 * kMicrosecond, done.launch.flight, device_time(done.started), device_time(at)});
  const SimulatedProgram& program = process.program;
  if (program.synchronous)
    thread.act_at = std::min(thread.act_at, at + program.think);
  else if (thread.act_at == kNever && at < program.active_until)
    thread.act_at = at;
}

std::vector<double> shares_over(SimulatedDevice& device, unsigned processes, Nanoseconds span) {
  std::vector<double> shares;
  for (unsigned i = 0; i < processes; ++i) shares.push_back(static_cast<double>(device.busy(i)));
  device.run_for(span);
  for (unsigned i = 0; i < processes; ++i)
    shares[i] = 100 * (static_cast<double>(device.busy(i)) - shares[i]) / static_cast<double>(span);
  return shares;
}

double share_over(SimulatedDevice& device, unsigned process, Nanoseconds span) {
  return shares_over(device, process + 1, span)[process];
}

}  // namespace melon::shim

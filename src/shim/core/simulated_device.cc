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

SimulatedDevice::SimulatedDevice(const TestGrants& grants, Sharing sharing)
    : grants_(grants), sharing_(sharing), clock_{virtual_now, no_sleep, this} {}

unsigned SimulatedDevice::start(const SimulatedProgram& program) {
  auto process = std::make_unique<Process>();
  process->program = program;
  process->program.active_from = std::max(program.active_from, now_);
  process->tenant =
      program.grant.empty() ? Tenant::open(nullptr, clock_) : grants_.open(program.grant, clock_);
  process->queues.resize(program.queues);
  process->act_at = process->program.active_from;
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
  processes_[process]->act_at = std::max(processes_[process]->act_at, until);
}

Nanoseconds SimulatedDevice::late(const Process& process) {
  const Nanoseconds loaded = process.program.wake_late;
  return jitter_(random_) + (loaded == 0 ? 0 : random_() % loaded);
}

void SimulatedDevice::announce_policy() {
  for (const auto& process : processes_)
    if (process->held) process->act_at = std::min(process->act_at, now_ + late(*process));
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

void SimulatedDevice::run_until(Nanoseconds time) {
  while (now_ < time) {
    for (const auto& process : processes_) {
      deliver(*process);
      act(*process);
    }
    if (sharing_ == Sharing::kSliced) next_slice();
    advance(std::min(time, next_event()));
  }
}

/// True, and told when to look again, while the program does nothing.
bool SimulatedDevice::inactive(Process& process) {
  const SimulatedProgram& program = process.program;
  if (now_ >= program.active_until) {
    process.act_at = kNever;
    return true;
  }
  if (program.period == 0) return false;
  const Nanoseconds phase = (now_ - program.active_from) % program.period;
  if (phase < program.on) return false;
  process.act_at = now_ + program.period - phase;
  return true;
}

void SimulatedDevice::act(Process& process) {
  if (process.act_at > now_ || now_ < process.stopped_until) return;
  const bool asked = process.wanted != kNever;  // who is held does not give up
  if (!asked && inactive(process)) return;
  const SimulatedProgram& program = process.program;
  if (process.outstanding >= (program.synchronous ? 1 : program.depth)) {
    process.act_at = kNever;  // until something finishes
    return;
  }
  if (process.wanted == kNever) process.wanted = now_;
  const std::size_t which = process.launched % program.kernels.size();
  Queue& queue = process.queues[process.launched % process.queues.size()];
  Launch launch;
  Nanoseconds again = 0;
  process.held =
      !process.tenant->try_admit(0, queue.state, which + 1, program.order, launch, again);
  if (process.held) {
    process.act_at = std::max(std::min(again, now_ + kLongestWait), now_) + late(process);
    return;
  }
  process.longest_hold = std::max(process.longest_hold, now_ - process.wanted);
  enqueue(process, launch, program.kernels[which]);
  process.act_at = now_ + kHostCost;
}

void SimulatedDevice::enqueue(Process& process, const Launch& launch, Nanoseconds cost) {
  Queue& queue = process.queues[process.launched % process.queues.size()];
  const double compile = process.launched < process.program.kernels.size()
                             ? static_cast<double>(process.program.compile)
                             : 0;
  queue.work.push_back(
      {launch, compile, static_cast<double>(cost), process.wanted, 0, submitted_++});
  process.wanted = kNever;
  ++process.launched;
  ++process.outstanding;
}

void SimulatedDevice::deliver(Process& process) {
  if (now_ < process.stopped_until) return;
  while (!process.notices.empty() && process.notices.front().at <= now_) {
    const Notice notice = process.notices.front();
    process.notices.pop_front();
    process.tenant->finish(notice.flight, notice.start, notice.end);
    if (process.held) process.act_at = std::min(process.act_at, now_ + late(process));
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

double SimulatedDevice::rate_of(const Process& process, const Queue& queue) const {
  if (queue.work.empty()) return 0;
  if (sharing_ == Sharing::kInTurn) return first_submitted() == &queue ? 1 : 0;
  if (sharing_ == Sharing::kSliced)
    return processes_[sliced_].get() == &process ? 1.0 / process.heads() : 0;
  const auto with_work = std::count_if(processes_.begin(), processes_.end(),
                                       [](const auto& p) { return p->has_work(); });
  return 1.0 / static_cast<double>(with_work) / process.heads();
}

Nanoseconds SimulatedDevice::next_event() const {
  Nanoseconds next = now_ + 10 * kMillisecond;
  for (const auto& process : processes_) {
    next = std::min(next, std::max(process->act_at, process->stopped_until));
    for (const Notice& notice : process->notices)
      next = std::min(next, std::max(notice.at, process->stopped_until));
    for (const Queue& queue : process->queues) {
      const double rate = rate_of(*process, queue);
      if (rate <= 0) continue;
      const Kernel& head = queue.work.front();
      const double left = (head.compile > 0 ? head.compile : head.remaining) / rate;
      next = std::min(next, now_ + static_cast<Nanoseconds>(std::ceil(left)));
    }
  }
  const bool slicing = sharing_ == Sharing::kSliced && !processes_.empty();
  if (slicing && processes_[sliced_]->has_work()) next = std::min(next, slice_end_);
  return std::max(next, now_ + 1);
}

void SimulatedDevice::advance(Nanoseconds to) {
  const auto passed = static_cast<double>(to - now_);
  std::vector<double> served;
  for (const auto& process : processes_)
    for (const Queue& queue : process->queues) served.push_back(passed * rate_of(*process, queue));
  auto next = served.begin();
  for (const auto& process : processes_)
    for (Queue& queue : process->queues) serve(*process, queue, *next++, to);
  now_ = to;
}

void SimulatedDevice::serve(Process& process, Queue& queue, double time, Nanoseconds to) {
  if (time <= 0) return;
  Kernel& head = queue.work.front();
  if (head.compile > 0) {
    process.compiled += std::min(time, head.compile);
    head.compile -= time;
    return;
  }
  if (head.started == 0) {
    head.started = now_;
    process.latencies.push_back(now_ - head.wanted);
  }
  process.busy += std::min(time, head.remaining);
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
  --process.outstanding;
  ++process.finished;
  process.responses.push_back(at - done.wanted);
  if (done.launch.flight != nullptr)
    process.notices.push_back(
        {at + 10 * kMicrosecond, done.launch.flight, device_time(done.started), device_time(at)});
  const SimulatedProgram& program = process.program;
  if (program.synchronous)
    process.act_at = std::min(process.act_at, at + program.think);
  else if (process.act_at == kNever && at < program.active_until)
    process.act_at = at;
}

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

// A simulated device with virtual time, for tests of the pacer: deterministic, and thousands of
// times faster than the device would be. Programs are processes with a Tenant of their own.

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "shim/core/attach.h"
#include "shim/core/test_grants.h"

namespace melon::shim {

constexpr Nanoseconds kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;
constexpr Nanoseconds kNever = std::numeric_limits<Nanoseconds>::max() / 4;

/// What a simulated program does: the same kernels over and over, while it is active.
struct SimulatedProgram {
  std::string grant;                 // empty: it runs without Melon
  std::vector<Nanoseconds> kernels;  // solo durations, taken in turn; each is a key of its own
  bool synchronous = false;          // waits for each kernel, then thinks
  Nanoseconds think = 0;
  unsigned queues = 1;
  unsigned threads = 1;  // each with its part of the queues; a held launch holds one thread
  unsigned width = 0;    // compute units that a kernel can use; 0: all
  unsigned depth = 256;  // launches outstanding before a thread itself waits
  Order order = Order::kInOrder;
  Nanoseconds wake_late = 0;  // at most: other load delays the program's threads
  Nanoseconds compile = 0;    // of the first launch: between submission and start
  Nanoseconds active_from = 0, active_until = kNever;
  Nanoseconds period = 0, on = 0;  // within: active for `on` of every period; 0: always
};

class SimulatedDevice {
 public:
  enum class Sharing {
    kProcessor,  // like a CPU: all processes with work advance at once; tells what each consumed
    kSliced,     // like a GPU: 2 ms to each process in turn; tells only spans
    kInTurn,     // one kernel after the other, as they were submitted; tells only spans
  };

  /// `units`: its compute units; they matter for kernels that cannot use all of them.
  SimulatedDevice(const TestGrants& grants, Sharing sharing, unsigned units = 1);

  /// Adds a process; its number.
  unsigned start(const SimulatedProgram& program);
  void run_until(Nanoseconds time);
  void run_for(Nanoseconds time) { run_until(now_ + time); }
  /// The process neither runs nor wakes until resumed (SIGSTOP); its work on the device goes on.
  void stop(unsigned process, Nanoseconds until);
  /// Wakes who is held, as the kernel does when a policy is published.
  void announce_policy();
  /// The device's own clock, in which it reports spans: ahead by `offset`, fast by `drift`.
  void skew(Nanoseconds offset, double drift) { offset_ = offset, drift_ = drift; }

  Nanoseconds now() const { return now_; }
  /// Device time that the process's kernels have really had: on a processor compute units in use,
  /// by the number of units; elsewhere the time in which any of its kernels ran.
  Nanoseconds busy(unsigned process) const;
  Nanoseconds busy_total() const;
  Tenant& tenant(unsigned process) { return *processes_[process]->tenant; }
  std::uint64_t launched(unsigned process) const { return processes_[process]->launched; }
  std::uint64_t finished(unsigned process) const { return processes_[process]->finished; }
  /// From wanting to launch until starting on the device, and until the end, one for each kernel;
  /// and from wanting to launch until being let through, the longest.
  std::vector<Nanoseconds>& latencies(unsigned process) { return processes_[process]->latencies; }
  std::vector<Nanoseconds>& responses(unsigned process) { return processes_[process]->responses; }
  Nanoseconds& longest_hold(unsigned process) { return processes_[process]->longest_hold; }
  const Clock& clock() const { return clock_; }

 private:
  struct Kernel {
    Launch launch;
    double compile, remaining;
    Nanoseconds wanted, started;
    std::uint64_t number;  // in order of submission, of all processes
    unsigned thread;
  };
  struct Queue {
    QueueState state;
    std::deque<Kernel> work;
  };
  struct Notice {
    Nanoseconds at;
    Flight* flight;
    Nanoseconds start, end;
  };
  struct Thread {
    unsigned number = 0;
    Nanoseconds act_at = 0, wanted = kNever;
    bool held = false;
    std::uint64_t launched = 0;
    unsigned outstanding = 0;
  };
  struct Process {
    SimulatedProgram program;
    Tenant* tenant = nullptr;
    std::vector<Queue> queues;
    std::vector<Thread> threads;
    std::deque<Notice> notices;
    Nanoseconds stopped_until = 0;
    double busy = 0, compiled = 0;
    std::uint64_t launched = 0, finished = 0;
    Nanoseconds longest_hold = 0;
    std::vector<Nanoseconds> latencies, responses;

    bool has_work() const;
    unsigned heads() const;
    Queue& queue_of(const Thread& thread);
  };
  /// What a queue's first kernel gets: how fast it advances, and how much device time that is.
  struct Service {
    double progress, use;
  };

  static Nanoseconds consumed(void* context);
  void act(Process& process, Thread& thread);
  bool inactive(const Process& process, Thread& thread);
  void enqueue(Process& process, Thread& thread, const Launch& launch, Nanoseconds cost);
  void wake_held(Process& process);
  void deliver(Process& process);
  Nanoseconds late(const Process& process);

  Service service_of(const Process& process, const Queue& queue) const;
  const Queue* first_submitted() const;
  Nanoseconds device_time(Nanoseconds host) const;
  Nanoseconds next_end(const Process& process) const;
  Nanoseconds next_event() const;
  void advance(Nanoseconds to);
  void serve(Process& process, Queue& queue, Service got, Nanoseconds to);
  void complete(Process& process, Queue& queue, Nanoseconds at);
  void next_slice();

  const TestGrants& grants_;
  Sharing sharing_;
  unsigned units_;
  Nanoseconds now_ = 1'000 * kSecond;
  Clock clock_;
  std::vector<std::unique_ptr<Process>> processes_;
  unsigned sliced_ = 0;
  Nanoseconds slice_end_ = 0;
  std::uint64_t submitted_ = 0;
  Nanoseconds offset_ = 0;
  double drift_ = 0;
  std::mt19937_64 random_{20231};
  std::uniform_int_distribution<Nanoseconds> jitter_{20 * kMicrosecond, 120 * kMicrosecond};
};

/// The device time that each process gets over the next `span`, in percent of it.
std::vector<double> shares_over(SimulatedDevice& device, unsigned processes, Nanoseconds span);

/// The same of one process.
double share_over(SimulatedDevice& device, unsigned process, Nanoseconds span);

/// As part of a test's name.
inline const char* name_of(SimulatedDevice::Sharing sharing) {
  switch (sharing) {
    case SimulatedDevice::Sharing::kProcessor:
      return "Processor";
    case SimulatedDevice::Sharing::kSliced:
      return "Sliced";
    case SimulatedDevice::Sharing::kInTurn:
      return "InTurn";
  }
  return "";
}

}  // namespace melon::shim

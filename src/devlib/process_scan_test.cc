// SPDX-License-Identifier: Apache-2.0
// Processes on a device are found by the libraries that they have mapped, in real processes.
#include "devlib/process_scan.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace melon::devlib {
namespace {

/// A child that loads the library when told to.
class Child {
 public:
  Child() {
    EXPECT_EQ(::pipe(go_), 0);
    EXPECT_EQ(::pipe(done_), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      char byte = 0;
      while (::read(go_[0], &byte, 1) == 1) {
        ::dlopen(MELON_CHATTY_DRIVER, RTLD_NOW);
        if (::write(done_[1], &byte, 1) != 1) break;
      }
      ::_exit(0);
    }
  }
  ~Child() { end(); }
  void load() const {
    char byte = 1;
    EXPECT_EQ(::write(go_[1], &byte, 1), 1);
    EXPECT_EQ(::read(done_[0], &byte, 1), 1);
  }
  void end() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
    for (const int number : {go_[0], go_[1], done_[0], done_[1]}) ::close(number);
  }
  int pid() const { return pid_; }

 private:
  int go_[2] = {};
  int done_[2] = {};
  pid_t pid_ = 0;
};

vendors::Descriptor vendor() {
  vendors::Descriptor descriptor;
  descriptor.id = "opencl";
  descriptor.process_libraries = {"*faulty_driver_chatty*"};
  return descriptor;
}

int times_found(ProcessScan& scan, int pid) {
  const auto all = scan.scan(std::vector{vendor()});
  return static_cast<int>(
      std::ranges::count_if(all, [pid](const auto& entry) { return entry.process.pid == pid; }));
}

TEST(ProcessScan, FindsAProcessOnceItHasTheLibraryAndUntilItEnds) {
  ProcessScan scan;
  Child child;
  const int pid = child.pid();
  EXPECT_EQ(times_found(scan, pid), 0);
  const int at_first = scan.read_maps();
  EXPECT_EQ(times_found(scan, pid), 0);
  EXPECT_LT(scan.read_maps(), at_first) << "unchanged processes are not read again";
  child.load();
  EXPECT_EQ(times_found(scan, pid), 1);
  EXPECT_GE(scan.read_maps(), 1);
  EXPECT_EQ(times_found(scan, pid), 1);  // remembered
  child.end();
  EXPECT_EQ(times_found(scan, pid), 0);
}

TEST(ProcessScan, NoVendorsMeansNoProcesses) {
  ProcessScan scan;
  EXPECT_TRUE(scan.scan({}).empty());
}

}  // namespace
}  // namespace melon::devlib

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace melon::core {

enum class Severity { kError, kWarning, kInfo };
enum class Finder { kDaemon, kDoctor };  // who looks for it
/// Whether the remedy is a line for the shell that clears the finding, or a person must act.
enum class Mend { kByCommand, kByHand };

/// One kind of trouble. `remedy` names in braces what is filled in when it is found.
struct FindingKind {
  std::string_view code;  // stable
  Finder finder;
  Severity severity;
  Mend mend;
  std::string_view meaning;
  std::string_view remedy;
};

/// Every kind of finding. `melon doctor`, its reference page and its tests are derived from here.
inline constexpr std::array kFindings = std::to_array<FindingKind>({
    {"no_device", Finder::kDaemon, Severity::kError, Mend::kByCommand, "nothing can be granted",
     "{as_root}apt-get install -y --reinstall pocl-opencl-icd && {restart}  # the CPU's; or "
     "another device's driver"},
    {"opencl_driver_crashes", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "its devices are not offered, and programs that load OpenCL crash likewise",
     "{as_root}mv {driver} {disabled_driver} && {restart}"},
    {"opencl_driver_hangs", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "its devices are not offered, and programs that load OpenCL hang likewise",
     "{as_root}mv {driver} {disabled_driver} && {restart}"},
    {"opencl_drivers_clash", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "each driver alone works, but programs that load OpenCL load all of them",
     "{as_root}mv {driver} {disabled_driver} && {restart}  # or whichever is needed less"},
    {"opencl_probe_failed", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "no OpenCL device is offered", "{as_root}chmod a+rx {binary} && {restart}"},
    {"nvidia_driver_unavailable", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "no NVIDIA device is offered", "{as_root}modprobe nvidia && {restart}"},
    {"nvidia_driver_outdated", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "no NVIDIA device is offered: its library was updated, the driver that runs was not",
     "{as_root}systemctl reboot"},
    {"nvidia_device_denied", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "it is not offered: the daemon's user may not open it",
     "{as_root}chmod a+rw /dev/nvidia[0-9]* /dev/nvidiactl && {restart}"},
    {"nvidia_device_unreachable", Finder::kDaemon, Severity::kError, Mend::kByHand,
     "it is not offered",
     "no command mends a card: look at its power cables, its seat and the driver's messages "
     "(dmesg), then start the daemon again"},
    {"device_held", Finder::kDaemon, Severity::kWarning, Mend::kByCommand,
     "one daemon at a time may grant slices of a device",
     "{end_holder}  # ends that daemon, programs go on; or use it"},
    {"device_lock_refused", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "nothing is granted on it: without its lock another daemon could grant it too", "{free_lock}"},
    {"device_look_hangs", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "health, use and unmanaged processes are shown as they were before; grants go on",
     "{restart}  # if it hangs again, the driver's messages (dmesg) say more"},
    {"device_unhealthy", Finder::kDaemon, Severity::kError, Mend::kByHand,
     "nothing new is granted on it",
     "no command mends a device: the driver's messages (dmesg) say more; once it is well it is "
     "granted again by itself"},
    {"device_unenforced", Finder::kDaemon, Severity::kInfo, Mend::kByCommand,
     "Melon has no enforcement for all that programs can do on it yet",
     "{ignore_them} && {restart}  # or use them with melon run --unenforced"},
    {"library_missing", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "no limit can be kept; run refuses unless --unenforced",
     "make install && {restart}  # in Melon's source folder"},
    {"ledger_broken", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "its use is unknown; its own processes keep their limit each by itself, others are not "
     "affected",
     "{as_owner}melon stop {grant}  # then start it again"},
    {"false_claims", Finder::kDaemon, Severity::kWarning, Mend::kByCommand,
     "it would have held the others back; they no longer wait for its share, until it has claimed "
     "nothing false for a minute",
     "{as_owner}melon stop {grant}"},
    {"private_ledger", Finder::kDaemon, Severity::kWarning, Mend::kByCommand,
     "its processes keep the limit each by itself, not together",
     "{as_owner}melon stop {grant}  # then start it where its user can write the ledger "
     "(containers: melon "
     "env {grant} --docker)"},
    {"unmanaged_process", Finder::kDaemon, Severity::kWarning, Mend::kByCommand,
     "it takes memory and compute that grants were promised",
     "kill {pid}  # then start it again with melon run"},
    {"unmanaged_process_of_another", Finder::kDaemon, Severity::kWarning, Mend::kByHand,
     "it takes memory and compute that grants were promised",
     "only {user} or root may end it: ask them to run melon doctor, which names the process"},
    {"foreign_grant", Finder::kDaemon, Severity::kWarning, Mend::kByCommand,
     "the other daemon granted it when the device was its own: together both may have booked more "
     "than the device has",
     "kill {pid}  # then start it again with melon run"},
    {"device_gone", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "its programs cannot use that device",
     "{as_owner}melon stop {grant}  # or bring the device back, then: {restart}"},
    {"state_not_saved", Finder::kDaemon, Severity::kError, Mend::kByCommand,
     "after a restart the daemon would not know what happened to them",
     "{as_daemon}find {state_folder} -name 'output.log.*' -delete  # older output of detached "
     "programs; or "
     "free other files of that file system"},
    {"disk_low", Finder::kDaemon, Severity::kWarning, Mend::kByCommand, "soon no grant can be made",
     "{as_daemon}find {state_folder} -name 'output.log.*' -delete  # older output of detached "
     "programs; or "
     "free other files of that file system"},
    {"clock_behind", Finder::kDaemon, Severity::kWarning, Mend::kByCommand,
     "the machine's clock was set back; times and ages of grants are wrong",
     "{as_root}timedatectl set-ntp true && {restart}"},
    {"user_daemon", Finder::kDaemon, Severity::kInfo, Mend::kByCommand,
     "it protects from accidents, not from that user's own intent, and sees no other user's "
     "processes",
     "melon down && sudo systemctl start melon  # one daemon for every user"},
    {"no_daemon", Finder::kDoctor, Severity::kError, Mend::kByCommand,
     "nothing can be granted, shown or changed", "{start}"},
    {"socket_dead", Finder::kDoctor, Severity::kError, Mend::kByCommand,
     "a daemon was killed or is ending: nothing can be granted, shown or changed", "{start}"},
    {"daemon_stopped", Finder::kDoctor, Severity::kError, Mend::kByCommand,
     "programs go on under their limits, but nothing can be granted, shown or changed",
     "{as_root}kill -CONT {pid}"},
    {"daemon_silent", Finder::kDoctor, Severity::kError, Mend::kByCommand,
     "programs go on under their limits, but nothing can be granted, shown or changed",
     "{as_root}kill -KILL {pid}; {start}"},
    {"socket_denied", Finder::kDoctor, Severity::kError, Mend::kByCommand,
     "this user cannot speak to the daemon",
     "unset MELON_SOCKET; melon up --detach  # your own daemon"},
    {"opencl_loader_missing", Finder::kDoctor, Severity::kError, Mend::kByCommand,
     "no program can use OpenCL, and its devices are not found",
     "{as_root}apt-get install -y --reinstall ocl-icd-libopencl1"},
    {"opencl_driver_missing", Finder::kDoctor, Severity::kError, Mend::kByCommand,
     "the OpenCL loader finds no device, the CPU included",
     "{as_root}apt-get install -y --reinstall pocl-opencl-icd"},
    {"opencl_drivers_hidden", Finder::kDoctor, Severity::kError, Mend::kByCommand,
     "programs that are started from here find no OpenCL device, the CPU included",
     "unset OCL_ICD_VENDORS"},
    {"version_differs", Finder::kDoctor, Severity::kWarning, Mend::kByCommand,
     "this program and the daemon may misunderstand each other", "melon down && {start}"},
});

/// A code of the table; another does not compile.
class FindingCode {
 public:
  consteval FindingCode(const char* code) {  // NOLINT(google-explicit-constructor): reads as text
    while (kFindings.at(row_).code != code) ++row_;
  }
  const FindingKind& kind() const { return kFindings.at(row_); }
  bool operator==(const FindingCode&) const = default;

 private:
  std::size_t row_ = 0;
};

/// A finding of one kind, as whoever came upon it knows it.
struct Fault {
  FindingCode code;
  std::string message = {};                        // what was found
  std::map<std::string, std::string> values = {};  // for the remedy's braces
};

/// A finding as doctor shows it.
struct Finding {
  std::string code = {};
  std::string severity = {};
  std::string message = {};
  std::string meaning = {};
  std::string remedy = {};

  bool operator==(const Finding&) const = default;
};

/// Fills the remedy in: from the fault's values, then from `more`.
Finding explain(const Fault& fault, const std::map<std::string, std::string>& more = {});

/// A remedy with each name in braces replaced by `value_of(name)`.
std::string fill_in(std::string_view remedy,
                    const std::function<std::string(std::string_view name)>& value_of);

std::string_view to_text(Severity value);

}  // namespace melon::core

// SPDX-License-Identifier: Apache-2.0
// A simulated libnvidia-ml with two cards. What goes wrong, tests of one process set through its
// variables; tests of a daemon write the error's number into files of the folder that
// MELON_SIMULATED_NVML_FAULTS names: init, handle, memory. A file named hang makes the next memory
// query take for ever, and one named process with a pid and an amount of MiB puts that process on
// card 0. Without permission for others to open the node /dev/nvidia1, when there is
// one, card 1 is denied.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int simulated_init_error;    // what nvmlInit_v2 answers
int simulated_handle_error;  // what asking for card 1 answers
int simulated_memory_error;  // what memory queries of card 1 answer
int simulated_processes;     // on card 0, with as many MiB as their pids say; the last without

static int fault(int variable, const char* name) {
  const char* folder = getenv("MELON_SIMULATED_NVML_FAULTS");
  char path[4096];
  int number = variable;
  if (folder == NULL) return variable;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE* file = fopen(path, "r");
  if (file == NULL) return variable;
  if (fscanf(file, "%d", &number) != 1) number = variable;
  fclose(file);
  return number;
}
static void hang_once(void) {
  const char* folder = getenv("MELON_SIMULATED_NVML_FAULTS");
  char path[4096];
  if (folder == NULL) return;
  snprintf(path, sizeof path, "%s/hang", folder);
  if (unlink(path) != 0) return;
  while (1) pause();
}
// False when no file tells of a process.
static int told_process(unsigned* pid, unsigned long long* mib) {
  const char* folder = getenv("MELON_SIMULATED_NVML_FAULTS");
  char path[4096];
  if (folder == NULL) return 0;
  snprintf(path, sizeof path, "%s/process", folder);
  FILE* file = fopen(path, "r");
  if (file == NULL) return 0;
  const int fields = fscanf(file, "%u %llu", pid, mib);
  fclose(file);
  return fields == 2;
}
static int is_denied(void) {
  struct stat node;
  return stat("/dev/nvidia1", &node) == 0 && (node.st_mode & 6) != 6;
}

struct card {
  unsigned index;
};
static struct card cards[2] = {{0}, {1}};

struct memory {
  unsigned long long total, free, used;
};
struct utilization {
  unsigned gpu, memory;
};
struct pci {
  char legacy[16];
  unsigned domain, bus, device, id, subsystem;
  char bus_id[32];
};
struct process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
};

int nvmlInit_v2(void) { return fault(simulated_init_error, "init"); }
const char* nvmlErrorString(int code) {
  switch (code) {
    case 4:
      return "Insufficient Permissions";
    case 9:
      return "Driver Not Loaded";
    case 15:
      return "GPU is lost";
    case 18:
      return "RM has detected an NVML/RM version mismatch.";
  }
  return "Unknown Error";
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct card** card) {
  *card = &cards[index];
  if (index == 0) return 0;
  return is_denied() ? 4 : fault(simulated_handle_error, "handle");
}
int nvmlDeviceGetName(struct card* card, char* text, unsigned size) {
  (void)card;
  snprintf(text, size, "Simulated GPU");
  return 0;
}
int nvmlDeviceGetUUID(struct card* card, char* text, unsigned size) {
  snprintf(text, size, "GPU-8B0A1C2D-0000-0000-0000-00000000000%u", card->index);
  return 0;
}
int nvmlDeviceGetPciInfo_v3(struct card* card, struct pci* pci) {
  memset(pci, 0, sizeof *pci);
  pci->bus = 0x41 + card->index;
  return 0;
}
int nvmlDeviceGetMemoryInfo(struct card* card, struct memory* memory) {
  hang_once();
  const int failed = card->index == 1 ? fault(simulated_memory_error, "memory") : 0;
  if (failed != 0) return failed;
  memory->total = 16ULL << 30;
  memory->used = (unsigned long long)(card->index + 1) << 30;
  memory->free = memory->total - memory->used;
  return 0;
}
int nvmlDeviceGetUtilizationRates(struct card* card, struct utilization* utilization) {
  utilization->gpu = 37 + card->index;
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(struct card* card, unsigned* count,
                                            struct process* out) {
  unsigned has = card->index == 0 ? (unsigned)simulated_processes : 0;
  unsigned room = *count;
  unsigned pid = 0;
  unsigned long long mib = 0;
  if (card->index == 0 && room > 0 && told_process(&pid, &mib)) {
    *count = 1;
    out[0].pid = pid;
    out[0].used = mib << 20;
    return 0;
  }
  *count = has;
  if (has > room) return 7;
  for (unsigned i = 0; i < has; ++i) {
    out[i].pid = i + 1;
    out[i].used = i + 1 < has ? (unsigned long long)(i + 1) << 20 : ~0ULL;  // not told
  }
  return 0;
}

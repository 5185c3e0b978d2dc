// SPDX-License-Identifier: Apache-2.0
// A simulated libnvidia-ml with two cards; tests set what goes wrong through its variables.
#include <stdio.h>
#include <string.h>

int simulated_init_error;    // what nvmlInit_v2 answers
int simulated_memory_error;  // what memory queries of card 1 answer
int simulated_processes;     // on card 0

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

int nvmlInit_v2(void) { return simulated_init_error; }
const char* nvmlErrorString(int code) {
  return code == 15 ? "GPU is lost" : code == 9 ? "Driver Not Loaded" : "Unknown Error";
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct card** card) {
  *card = &cards[index];
  return 0;
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
  if (card->index == 1 && simulated_memory_error != 0) return simulated_memory_error;
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
  *count = has;
  if (has > room) return 7;
  for (unsigned i = 0; i < has; ++i) out[i].pid = i + 1;
  return 0;
}

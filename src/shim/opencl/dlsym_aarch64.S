// SPDX-License-Identifier: Apache-2.0
// dlsym(handle, name) for aarch64; see dlsym_x86_64.S. x30 is the program's return address.
    .text
    .globl dlsym
    .type dlsym, %function
    .p2align 4
dlsym:
    .cfi_startproc
    cbz x1, 1f
    ldrb w9, [x1]
    cmp w9, #'c'
    b.ne 1f
    ldrb w9, [x1, #1]
    cmp w9, #'l'
    b.eq 3f
1:  adrp x9, melon_real_dlsym
    ldr x9, [x9, :lo12:melon_real_dlsym]
    cbz x9, 2f
    br x9

2:  stp x0, x1, [sp, #-32]!
    str x30, [sp, #16]
    bl melon_find_dlsym
    mov x9, x0
    ldr x30, [sp, #16]
    ldp x0, x1, [sp], #32
    cbz x9, 4f
    br x9

3:  stp x0, x1, [sp, #-32]!
    str x30, [sp, #16]
    mov x0, x1
    mov x1, x30
    bl melon_is_ours
    mov w9, w0
    ldr x30, [sp, #16]
    ldp x0, x1, [sp], #32
    cbz w9, 1b
    b melon_dlsym

4:  mov x0, #0
    ret
    .cfi_endproc
    .size dlsym, .-dlsym
    .section .note.GNU-stack,"",%progbits

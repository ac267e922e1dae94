# Firmware of 4 KiB. From the reset vector it goes to 32-bit mode, says on the serial port what it finds, and ends by the
# exit port: fw_cfg's signature by port, the item opt/greeting by DMA, and what becomes of writes to the ROM, to its copy
# below 1 MiB, and of DMA to the ROM. It prints a line on the debug console.
# linked as: ROM
        .set    FW_CFG_SELECTOR, 0x510  # QEMU docs/specs/fw_cfg.rst
        .set    FW_CFG_DATA, 0x511
        .set    FW_CFG_DMA_LOW, 0x518   # big-endian; a write starts the operation
        .set    DMA_ERROR, 1 << 0
        .set    DMA_READ, 1 << 1
        .set    DMA_SELECT, 1 << 3
        .set    KEY_SIGNATURE, 0x00
        .set    KEY_DIRECTORY, 0x19
        .set    FILE_SIZE, 64           # size 4, key 2, unused 2, name 56; big-endian
        .set    NAME, 8
        .set    NAME_SIZE, 56
        .set    MOST_FILES, 32

        .set    DEBUG_CONSOLE, 0x402
        .set    COM1, 0x3f8
        .set    EXIT_PORT, 0xf4

        .set    STACK, 0x1000           # in RAM
        .set    ACCESS, 0x1000          # FWCfgDmaAccess: control 4, length 4, address 8; big-endian
        .set    DIRECTORY, 0x2000
        .set    CONTENT, 0x4000
        .set    LOW_COPY, 0xff000       # of the ROM's 4 KiB

        .text
        .globl  _start
        .code16
_start:                                 # CS:IP is F000:F000 and more, its base 0xffff0000
        cli
        lgdtl   %cs:gdt_register - _start + 0xf000
        movl    %cr0, %eax
        orb     $1, %al                 # PE
        movl    %eax, %cr0
        ljmpl   $8, $protected

        .code32
protected:
        movl    $16, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $STACK, %esp

        movw    $FW_CFG_SELECTOR, %dx   # the signature by port
        movl    $KEY_SIGNATURE, %eax
        outw    %ax, %dx
        movl    $4, %ecx
1:      movw    $FW_CFG_DATA, %dx
        inb     %dx, %al
        movw    $COM1, %dx
        outb    %al, %dx
        loop    1b
        movb    $'\n', %al
        outb    %al, %dx

        movl    $KEY_DIRECTORY, %eax    # the directory by DMA
        movl    $(4 + MOST_FILES * FILE_SIZE), %ecx
        movl    $DIRECTORY, %edi
        call    dma
        movl    DIRECTORY, %ecx
        bswapl  %ecx
        movl    $DIRECTORY + 4, %ebx
find:   pushl   %ecx
        leal    NAME(%ebx), %edi
        movl    $greeting_name, %esi
        movl    $greeting_name_size, %ecx
        repe    cmpsb
        popl    %ecx
        je      found
        addl    $FILE_SIZE, %ebx
        loop    find
        jmp     2f
found:  movl    (%ebx), %ecx
        bswapl  %ecx
        pushl   %ecx
        movzwl  4(%ebx), %eax
        xchgb   %al, %ah
        movl    $CONTENT, %edi
        call    dma
        popl    %ecx
        movb    $0, CONTENT(%ecx)
        movl    $CONTENT, %esi
        call    print

2:      movl    $0x12345678, marker     # the ROM stays as it is
        cmpl    $0x600df00d, marker
        movl    $rom_text, %esi
        call    print_if_equal

        cmpl    $0x600df00d, LOW_COPY + marker - _start
        movl    $copy_text, %esi
        call    print_if_equal
        movl    $0x12345678, LOW_COPY + marker - _start
        cmpl    $0x12345678, LOW_COPY + marker - _start
        movl    $writable_text, %esi
        call    print_if_equal

        movl    $KEY_SIGNATURE, %eax    # nor does DMA write to it
        movl    $4, %ecx
        movl    $marker, %edi
        call    dma
        cmpl    $(DMA_ERROR << 24), ACCESS
        movl    $refused_text, %esi
        call    print_if_equal
        cmpl    $0x600df00d, marker
        movl    $rom_text, %esi
        call    print_if_equal

        movl    $log_text, %esi
        movw    $DEBUG_CONSOLE, %dx
        call    print_to
        movb    $9, %al
        outb    %al, $EXIT_PORT
        hlt

# Copies ECX bytes of the item with key EAX to EDI.
dma:    shll    $16, %eax
        orl     $(DMA_SELECT | DMA_READ), %eax
        bswapl  %eax
        movl    %eax, ACCESS
        bswapl  %ecx
        movl    %ecx, ACCESS + 4
        movl    $0, ACCESS + 8
        bswapl  %edi
        movl    %edi, ACCESS + 12
        movl    $ACCESS, %eax
        bswapl  %eax
        movw    $FW_CFG_DMA_LOW, %dx
        outl    %eax, %dx
        ret

print_if_equal:
        jne     3f
print:  movw    $COM1, %dx
print_to:
        movb    (%esi), %al
        testb   %al, %al
        jz      3f
        outb    %al, %dx
        incl    %esi
        jmp     print_to
3:      ret

greeting_name:
        .asciz  "opt/greeting"
        .set    greeting_name_size, . - greeting_name
rom_text:
        .asciz  "the ROM is as it was\n"
copy_text:
        .asciz  "its copy is the same\n"
writable_text:
        .asciz  "its copy can be written\n"
refused_text:
        .asciz  "DMA to the ROM is refused\n"
log_text:
        .asciz  "firmware's log\n"

        .balign 8
marker: .long   0x600df00d
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      # 8: flat 32-bit code
        .quad   0x00cf93000000ffff      # 16: flat data
gdt_register:
        .word   . - gdt - 1
        .long   gdt

        .org    0xff0                   # the reset vector, F000:FFF0
        .code16
        jmp     _start
        .org    0x1000

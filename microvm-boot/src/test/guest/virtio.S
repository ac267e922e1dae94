# A driver for the first virtio device, an entropy device: registers, queue, doorbell, interrupt (VIRTIO 1.2).
# linked as: ELF
        .include "pc.inc"
        .set    DEVICE, 0xfeb00000
        .set    DEVICE_ID, DEVICE + 0x008
        .set    DEVICE_FEATURES, DEVICE + 0x010
        .set    DEVICE_FEATURES_SEL, DEVICE + 0x014
        .set    DRIVER_FEATURES, DEVICE + 0x020
        .set    DRIVER_FEATURES_SEL, DEVICE + 0x024
        .set    GUEST_PAGE_SIZE, DEVICE + 0x028
        .set    QUEUE_SEL, DEVICE + 0x030
        .set    QUEUE_NUM_MAX, DEVICE + 0x034
        .set    QUEUE_NUM, DEVICE + 0x038
        .set    QUEUE_ALIGN, DEVICE + 0x03c
        .set    QUEUE_PFN, DEVICE + 0x040
        .set    QUEUE_READY, DEVICE + 0x044
        .set    QUEUE_NOTIFY, DEVICE + 0x050
        .set    INTERRUPT_STATUS, DEVICE + 0x060
        .set    INTERRUPT_ACK, DEVICE + 0x064
        .set    STATUS, DEVICE + 0x070
        .set    QUEUE_DESC, DEVICE + 0x080
        .set    QUEUE_DRIVER, DEVICE + 0x090
        .set    QUEUE_DEVICE, DEVICE + 0x0a0
        .set    ACKNOWLEDGE, 1
        .set    DRIVER, 2
        .set    DRIVER_OK, 4
        .set    FEATURES_OK, 8
        .set    VERSION_1_HIGH, 1       # VIRTIO_F_VERSION_1 in the high half
        .set    DESC_F_NEXT, 1
        .set    DESC_F_WRITE, 2
        .set    DESC_SIZE, 16

# The queue: 4 entries from a page on, its used ring on the next, as legacy devices want it.
        .set    QUEUE, 0x200000
        .set    QUEUE_PAGE, 4096
        .set    ENTRIES, 4
        .set    AVAILABLE, QUEUE + 16 * ENTRIES
        .set    AVAILABLE_INDEX, AVAILABLE + 2
        .set    USED, QUEUE + QUEUE_PAGE
        .set    USED_INDEX, USED + 2
        .set    USED_LENGTH, USED + 8
        .set    BUFFER, 0x203000
        .set    BUFFER_SIZE, 6
        .set    BUFFER_LAST, BUFFER + BUFFER_SIZE - 1
        .set    BUFFER_END, BUFFER + BUFFER_SIZE
        .set    SECTOR_SIZE, 512
        .set    BLK_HEADER, 0x204000    # VIRTIO 1.2, 5.2.6: zeros read sector 0
        .set    BLK_HEADER_SIZE, 16
        .set    BLK_STATUS, 0x204010
        .set    BLK_OK, 0
        .set    LSR_DATA_READY, 1

# Writes 32 bits anywhere. EAX changes.
.macro store address, value
        movl    $(\value), %eax
        movl    %eax, \address
.endm

# Prints the low byte of 32 bits anywhere. EAX changes.
.macro load_and_show address, text:vararg
        movl    \address, %eax
        show    \text
.endm

# Gives the device a buffer, and waits for its interrupt at IOAPIC pin 16.
scenario ioapic
        call    apic_init
        pin_program 16, 0
        call    start_modern
        call    request
        expect_vector
        jmp     report

# The same as IRQ 5, by way of the master PIC: without ACPI.
scenario pic
        pic_allow 1<<5
        call    start_modern
        call    request
        expect_irq
        jmp     report

# The same with the registers and the queue of a legacy device.
scenario legacy
        pic_allow 1<<5
        store   STATUS, 0
        store   STATUS, ACKNOWLEDGE|DRIVER
        store   GUEST_PAGE_SIZE, QUEUE_PAGE
        store   QUEUE_SEL, 0
        store   QUEUE_NUM, ENTRIES
        store   QUEUE_ALIGN, QUEUE_PAGE
        store   QUEUE_PFN, QUEUE / QUEUE_PAGE
        store   STATUS, ACKNOWLEDGE|DRIVER|DRIVER_OK
        call    request
        expect_irq
        jmp     report

# A hundred requests, each of which waits for the interrupt of the one before, then a reset.
scenario many
        call    apic_init
        pin_program 16, 0
        call    start_modern
        movl    $100, %ebp
1:      call    request
        call    await
        apic_eoi
        movl    INTERRUPT_STATUS, %eax
        movl    %eax, INTERRUPT_ACK
        decl    %ebp
        jnz     1b
        load_and_show USED_INDEX, "used "
        store   STATUS, 0
        load_and_show STATUS, "status "
        ret

# Requests until the host types something, each of which waits for the interrupt of the one before; a dot for 64.
scenario endless
        call    apic_init
        pin_program 16, 0
        call    start_modern
        movl    $request, %edi
        jmp     repeat

# The same on a disk, whose first sector is read.
scenario disk
        call    apic_init
        pin_program 16, 0
        call    start_modern
        store   QUEUE, BLK_HEADER
        store   QUEUE + 8, BLK_HEADER_SIZE
        store   QUEUE + 12, DESC_F_NEXT|1<<16
        store   QUEUE+DESC_SIZE, BUFFER
        store   QUEUE+DESC_SIZE+8, SECTOR_SIZE
        store   QUEUE+DESC_SIZE+12, DESC_F_NEXT|DESC_F_WRITE|2<<16
        store   QUEUE+2*DESC_SIZE, BLK_STATUS
        store   QUEUE+2*DESC_SIZE+8, 1
        store   QUEUE+2*DESC_SIZE+12, DESC_F_WRITE
        movl    $read_sector, %edi

# Makes the request of EDI again and again.
repeat: call    flush
        xorl    %ebp, %ebp
1:      call    *%edi
        call    await
        apic_eoi
        movl    INTERRUPT_STATUS, %eax
        movl    %eax, INTERRUPT_ACK
        incl    %ebp
        testl   $63, %ebp
        jnz     1b
        print   "."
        call    flush
        get     COM1_LSR
        testb   $LSR_DATA_READY, %al
        jz      1b
        movl    USED_INDEX, %eax
        subl    %ebp, %eax
        show    "\nlost "
        ret

# A head that is not in the table: the device tells by an interrupt that it needs a reset.
scenario broken
        call    apic_init
        pin_program 16, 0
        call    start_modern
        movl    $1, %eax
        movw    $ENTRIES, AVAILABLE + 4
        movw    %ax, AVAILABLE_INDEX
        store   QUEUE_NOTIFY, 0
        expect_vector
        load_and_show INTERRUPT_STATUS, "reason "
        load_and_show STATUS, "status "
        ret

start_modern:
        load_and_show DEVICE_ID, "device "
        store   STATUS, 0
        store   STATUS, ACKNOWLEDGE|DRIVER
        store   DEVICE_FEATURES_SEL, 1
        load_and_show DEVICE_FEATURES, "features "
        store   DRIVER_FEATURES_SEL, 1
        store   DRIVER_FEATURES, VERSION_1_HIGH
        store   STATUS, ACKNOWLEDGE|DRIVER|FEATURES_OK
        store   QUEUE_SEL, 0
        load_and_show QUEUE_NUM_MAX, "entries "
        store   QUEUE_NUM, ENTRIES
        store   QUEUE_DESC, QUEUE
        store   QUEUE_DRIVER, AVAILABLE
        store   QUEUE_DEVICE, USED
        store   QUEUE_READY, 1
        store   STATUS, ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK
        load_and_show STATUS, "status "
        ret

# Makes descriptor 0 available, a buffer for the device to write, and rings.
request:
        store   QUEUE, BUFFER
        store   QUEUE + 8, BUFFER_SIZE
        store   QUEUE + 12, DESC_F_WRITE
available:
        incw    AVAILABLE_INDEX         # all entries of the ring are 0, as is the head
        store   QUEUE_NOTIFY, 0
        ret

# Makes a read of the first sector available, and rings; the one before must have read it.
read_sector:
        movl    BLK_STATUS, %eax
        testb   %al, %al
        jnz     1f
        store   BLK_STATUS, ~BLK_OK
        jmp     available
1:      show    "status of a read "
        exit    IMPOSSIBLE

# What the device did.
report: load_and_show INTERRUPT_STATUS, "reason "
        movl    INTERRUPT_STATUS, %eax
        movl    %eax, INTERRUPT_ACK
        load_and_show INTERRUPT_STATUS, "reason "
        load_and_show USED_INDEX, "used "
        load_and_show USED_LENGTH, "length "
        load_and_show BUFFER, "first "
        load_and_show BUFFER_LAST, "last "
        load_and_show BUFFER_END, "behind "
        ret

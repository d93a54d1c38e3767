-- Deliveries: their coming, their end, their return, and newer ones in place of older ones.
--
-- d:<delivery>   HASH: n (its number), place (unless it is n), receipt, event, from (the receipt's partition),
--                rn and en (numbers of receipt and event: how old it is; only with supersede), batch, at (the batch's partition),
--                route, to, lane, state, attempts and tries (unless there were none), created, due, finished,
--                reason, class, status, supersede, own (of the gateway's own source), by
-- db:<delivery>  STRING: packed, content and body
-- da:<delivery>  LIST: attempts as packed blobs, the last fifty
-- to:<destination>       ZSET: those of a destination by created
-- waiting:<destination>  ZSET: those of them that are pending, likewise
-- dead           ZSET: all that are, likewise
-- rivals:<…>     ZSET per destination, lane and route: what waits and may be superseded, by rn
-- newest         HASH: the same -> rn, en and id of the newest that got through
-- newest_by      ZSET: the fields of `newest` by rn

local ATTEMPTS = 50

local function delivery_row(id)
    local row = hash(key('d', id))
    if row then row.id = id end
    return row
end

local function rivalry(row)
    if not row.supersede or not row.lane or row.batch then return nil end
    return #row.to .. ':' .. row.to .. ':' .. #row.lane .. ':' .. row.lane .. ':' .. row.route
end

local function rival_member(row)
    return mark(row.en, row.id)
end

local function is_older(rn, en, row)
    if rn ~= num(row.rn) then return rn < num(row.rn) end
    return en < num(row.en)
end

local function is_newer(rn, en, row)
    if rn ~= num(row.rn) then return rn > num(row.rn) end
    return en > num(row.en)
end

function rare.compete(row, rivals)
    redis.call('ZADD', key('rivals', rivals), row.rn, rival_member(row))
end

function rare.compete_no_more(row, rivals)
    redis.call('ZREM', key('rivals', rivals), rival_member(row))
end

-- Lets one wait that became pending just now; whether it is alone in its lane.
local function wait(row)
    redis.call('ZADD', key('waiting', row.to), row.created, mark(row.n, row.id))
    local rivals = rivalry(row)
    if rivals then rare.compete(row, rivals) end
    local is_alone = join_lane(row)
    ring('d:' .. row.to)
    return is_alone
end

function rare.tell_batch(row, from, to, now)
    send(row.at, 'batch_moved', {from = from, to = to, now = now, batch = row.batch})
end

-- Tells whoever counts it: the receipt of its event, or its batch, which knows all of them.
local function tell_counts(row, from, to, now)
    if row.batch then return rare.tell_batch(row, from, to, now) end
    send(row.from, 'moved', {from = from, to = to, now = now, receipt = row.receipt, events = {row.event}})
end

-- Ends a pending delivery and lets the next of its lane go; whether it was the last. `ending`: { state, reason,
-- by, now, was_at_work (see `leave_lane`) }. `changed`: what else is to be written, as fields and values.
local function finish(row, ending, changed)
    local flat, member = changed or {}, mark(row.n, row.id)
    redis.call('ZREM', key('waiting', row.to), member)
    if ending.reason then
        flat[#flat + 1] = 'reason'
        flat[#flat + 1] = ending.reason
    end
    if ending.by then
        flat[#flat + 1] = 'by'
        flat[#flat + 1] = ending.by
    end
    redis.call('HSET', key('d', row.id), 'state', ending.state, 'finished', int(ending.now), unpack(flat))
    if ending.state == 'dead' then redis.call('ZADD', key('dead'), row.created, member) end
    local rivals = rivalry(row)
    if rivals then rare.compete_no_more(row, rivals) end
    local was_last = leave_lane(row, ending.was_at_work)
    ring('d:' .. row.to)
    tell_counts(row, 'pending', ending.state, ending.now)
    return was_last
end

-- Makes a dead or cancelled one pending again, due now, where it stood in its lane.
local function revive(row)
    local name, before = key('d', row.id), row.state
    redis.call('ZREM', key('dead'), mark(row.n, row.id))
    redis.call('HSET', name, 'state', 'pending', 'tries', '0', 'due', int(T))
    redis.call('HDEL', name, 'finished', 'reason')
    row.state, row.tries, row.due = 'pending', '0', int(T)
    wait(row)
    tell_counts(row, before, 'pending', A.now)
end

-- The newest that got through of those that a delivery competes with: its rn, en and id.
local function newest(rivals)
    local packed = redis.call('HGET', key('newest'), rivals)
    return packed and cmsgpack.unpack(packed) or {}
end

-- The id of a delivery of a newer event that waits or got through.
local function newer_of(row, rivals, is_alone)
    local last = is_alone and {} or redis.call('ZRANGE', key('rivals', rivals), '-1', '-1', 'WITHSCORES')
    if last[1] and is_newer(num(last[2]), num(string.sub(last[1], 1, 16)), row) then
        return unmark(last[1])
    end
    local rn, en, id = unpack(newest(rivals))
    return rn and is_newer(rn, en, row) and id or nil
end

-- The same of any delivery.
local function newer(row)
    local rivals = rivalry(row)
    return rivals and newer_of(row, rivals)
end

local function end_for(row, by, now, changed)
    local ending = {state = 'superseded', reason = 'superseded by ' .. by, by = by, now = now}
    finish(row, ending, changed)
end

-- Ends what is older and waits; what is under way goes on.
local function end_older(row, rivals, now)
    local members =
        redis.call('ZRANGEBYSCORE', key('rivals', rivals), '-inf', row.rn, 'WITHSCORES')
    for i = 1, #members, 2 do
        local id = unmark(members[i])
        if is_older(num(members[i + 1]), num(string.sub(members[i], 1, 16)), row) then
            local older = delivery_row(id)
            local kind, slot = kind_of(older.to), slot_of(older)
            local known = loan_of(kind, slot)
            local is_its = known and known.what == id
            if not (is_its and known.ends > due(now)) then
                if is_its then end_loan(kind, slot) end
                end_for(older, row.id, now)
            end
        end
    end
end

-- One that is pending since just now: it ends what it is newer than, or is ended itself. Nothing competes with one
-- that is alone in its lane but what got through.
function rare.compare(row, rivals, now, is_alone)
    local by = newer_of(row, rivals, is_alone)
    if by then return end_for(row, by, now) end
    if not is_alone then end_older(row, rivals, now) end
end

-- It got through: nothing older may follow it, and nothing waits where it was the last in its lane.
function rare.outdate(row, rivals, now, was_last)
    local rn, en = unpack(newest(rivals))
    if not rn or not is_newer(rn, en, row) then
        redis.call('HSET', key('newest'), rivals, cmsgpack.pack({num(row.rn), num(row.en), row.id}))
        redis.call('ZADD', key('newest_by'), row.rn, rivals)
    end
    if not was_last then end_older(row, rivals, now) end
end

-- It is pending since just now.
local function arrived(row, now, is_alone)
    local rivals = rivalry(row)
    if rivals then rare.compare(row, rivals, now, is_alone) end
end

-- A new one, which its receipt counts already: { row, goods }.
function handlers.deliver(m)
    local row, member = m.row, mark(m.row.n, m.row.id)
    local flat = {'state', 'pending'}
    for name, value in pairs(row) do
        if name ~= 'id' then
            flat[#flat + 1] = name
            flat[#flat + 1] = value
        end
    end
    redis.call('HSET', key('d', row.id), unpack(flat))
    redis.call('SET', key('db', row.id), m.goods)
    redis.call('ZADD', key('to', row.to), row.created, member)
    arrived(row, num(row.created), wait(row))
end

-- Retention took what it was of.
function handlers.forget(m)
    for _, id in ipairs(m.deliveries) do
        local row = delivery_row(id)
        if row then
            local member = mark(row.n, id)
            for _, name in ipairs({key('waiting', row.to), key('dead'), key('to', row.to)}) do
                redis.call('ZREM', name, member)
            end
        end
        redis.call('DEL', key('d', id), key('db', id), key('da', id))
    end
end

-- The loan of the delivery A.id if it is still the holder's, or nil.
local function held_loan()
    local known = loan_of(kind_of(A.to), A.slot)
    if known and known.token == A.token and known.what == A.id then return known end
    return nil
end

function rare.row(id)
    return delivery_row(id)
end

-- As much of A.id as its end takes, where nothing but its receipt follows it.
local function short_row()
    local values = redis.call('HMGET', key('d', A.id), 'state', 'n', 'receipt', 'event', 'from', 'attempts', 'tries',
        'status', 'batch', 'supersede')
    if values[9] or values[10] then return rare.row(A.id) end
    return {
        id = A.id, to = A.to, lane = string.sub(A.slot, 1, 2) == 'l:' and string.sub(A.slot, 3) or nil,
        state = values[1], n = values[2], receipt = values[3], event = values[4], from = values[5],
        attempts = values[6], tries = values[7], status = values[8],
    }
end

-- Keeps an attempt; what it changes, as fields and values that are still to be written.
local function record(row)
    local attempts = redis.call('RPUSH', key('da', row.id), blob(1))
    if attempts > ATTEMPTS then redis.call('LTRIM', key('da', row.id), int(-ATTEMPTS), '-1') end
    row.attempts, row.tries = int(num(row.attempts) + 1), int(num(row.tries) + 1)
    local changed = {'attempts', row.attempts, 'tries', row.tries}
    if A.class then changed[5], changed[6] = 'class', A.class end
    if A.status then
        changed[#changed + 1] = 'status'
        changed[#changed + 1] = int(A.status)
    elseif row.status then
        redis.call('HDEL', key('d', row.id), 'status')
    end
    return changed
end

local function try_again(row, changed)
    local by = newer(row)
    if by then return end_for(row, by, A.now, changed) end
    row.due = int(due(A.again))
    redis.call('HSET', key('d', row.id), 'due', row.due, unpack(changed))
    rare.refresh_slot(row)
    ring('d:' .. row.to)
end

-- Ends the loan of a delivery and keeps the attempt (the blob): its row, how it ends, and what else is to be
-- written; nil if it is not the holder's. `row_of` gives the row.
local function attempted(row_of)
    local known = held_loan()
    local row = known and row_of(A.id)
    if not row or row.state ~= 'pending' then return nil end
    -- The first write frees memory, so that a full server can still be emptied.
    local was_at_work = end_loan(kind_of(A.to), A.slot) and known.ends > T
    return row, {state = A.state, reason = A.reason, now = A.now, was_at_work = was_at_work}, record(row)
end

-- Records an attempt that got through.
function ops.delivered()
    local row, ending, changed = attempted(short_row)
    if not row then return refuse('lost', A.id) end
    note_success(row.to, A.now)
    local was_last, rivals = finish(row, ending, changed), rivalry(row)
    if rivals then rare.outdate(row, rivals, A.now, was_last) end
end

-- Records an attempt that failed, and what follows from it.
function ops.settle()
    local row, ending, changed = attempted(delivery_row)
    if not row then return refuse('lost', A.id) end
    note_failure(row.to, A.now)
    if A.state == 'dead' then
        finish(row, ending, changed)
        if not row.own then notice.tell(A.now, {told = 'delivery_dead', delivery = row.id}) end
    else
        try_again(row, changed)
    end
end

-- Gives a lease back without an attempt.
function ops.release()
    if not held_loan() then return refuse('lost', A.id) end
    end_loan(kind_of(A.to), A.slot)
    local row = delivery_row(A.id)
    if row and row.state == 'pending' then rare.refresh_slot(row) end
    call_all('d:' .. A.to)
end

local function ended(row)
    return refuse('conflict', row.id .. ' is ' .. row.state .. ' already')
end

function ops.retry()
    local row = delivery_row(A.id)
    if not row then return refuse('missing', 'delivery ' .. A.id) end
    if row.state == 'delivered' or row.state == 'superseded' then return ended(row) end
    local by = newer(row)
    if by then
        return refuse('conflict', row.id .. ' is out of date: the newer change ' .. by
            .. ' of its object waits or went out')
    end
    if row.state ~= 'pending' then
        revive(row)
        arrived(row, A.now)
    else
        row.due, row.tries = int(T), '0'
        redis.call('HSET', key('d', row.id), 'due', row.due, 'tries', '0')
        rare.refresh_slot(row)
    end
    call_all('d:' .. row.to)
end

function ops.cancel()
    local row = delivery_row(A.id)
    if not row then return refuse('missing', 'delivery ' .. A.id) end
    if row.state ~= 'pending' then return ended(row) end
    local kind, slot = kind_of(row.to), slot_of(row)
    local known = loan_of(kind, slot)
    if known and known.what == row.id then
        if known.ends > T then
            return refuse('conflict', 'an attempt of ' .. row.id .. ' is under way: try again when it is over')
        end
        end_loan(kind, slot)
    end
    finish(row, {state = 'cancelled', reason = 'cancelled by an operator', now = A.now})
end

-- Gives a pending delivery the past that it had elsewhere: { id, made, tries, due, class, status }; its
-- attempts are blobs.
function ops.adopt()
    local row = delivery_row(A.id)
    if not row then return refuse('missing', 'delivery ' .. A.id) end
    if row.state ~= 'pending' or loan_runs(kind_of(row.to), slot_of(row)) then
        return refuse('conflict', A.id .. ' is at work here already')
    end
    redis.call('DEL', key('da', A.id))
    for i = 3, #ARGV do redis.call('RPUSH', key('da', A.id), ARGV[i]) end
    row.tries, row.due = int(A.tries), int(due(A.due))
    redis.call('HSET', key('d', A.id), 'attempts', int(A.made), 'tries', row.tries, 'due', row.due)
    if A.class then redis.call('HSET', key('d', A.id), 'class', A.class) end
    if A.status then redis.call('HSET', key('d', A.id), 'status', int(A.status)) end
    rare.refresh_slot(row)
end

-- Receipts, their events, and what is counted of them.
--
-- r:<receipt>    HASH: n, source, at, state (processed | failed), reason, type, kind, name, correlations,
--                events, deliveries, pending, finished; duplicates, replays, turn, lost unless they are 0; also
--                e:<event> -> its tally; and d:<delivery> -> partition, route, number, and of those of a
--                batch this and its partition
-- rb:<receipt>   STRING: packed, what it came with: content, body, and the first outcome
-- ro:<receipt>   STRING: packed, the outcome in place of that one
-- rm:<receipt>   HASH: <event> <route> -> part (of the latest batch it was gathered for), scope (its group),
--                join (which time it was gathered), became (nil while open), why, failure, batch
-- rh:<receipt>   HASH: <event> <route> <destination> <lane> -> partition, place, whether it is the first
--                of its route there
-- of:<source>    ZSET: those of a source by received_at
-- failed         ZSET: those that failed, likewise
-- over, kept     ZSET: those that nothing waits for, by when the last thing about them ended; kept: with
--                something dead, cancelled or failed
-- ledger         HASH: running totals; those accepted as `accepted:<source>` for every source that has a receipt;
--                none for pending: that is what no other line has of those accepted

local receipt = {}

local ACCEPTED = 'accepted:'

-- Whether a line of the ledger tells of what came from a source.
local function is_accepted(line)
    return string.sub(line, 1, #ACCEPTED) == ACCEPTED
end

-- The state of an event that nothing is to come of.
local function state_of_ended(t)
    if t.dead > 0 then return 'dead' end
    if t.cancelled > 0 then return 'cancelled' end
    if t.delivered > 0 then return 'delivered' end
    if t.coalesced > 0 then return 'coalesced' end
    if t.superseded > 0 then return 'superseded' end
    return t.filtered > 0 and 'filtered' or 'unmatched'
end

-- See the rule of `Ledger`.
local function tally_state(t)
    if t.pending + t.failed + t.gathered + t.deferred > 0 then return 'pending' end
    return state_of_ended(t)
end

-- A tally from its values, the first of which is the place of the event among those of its receipt. Written out, as
-- a table that grows costs more.
local function tally_of(values)
    return {
        n = values[1], pending = values[2], delivered = values[3], dead = values[4], cancelled = values[5],
        superseded = values[6], failed = values[7], filtered = values[8], coalesced = values[9],
        gathered = values[10], deferred = values[11],
    }
end

local function tally_packed(t)
    return cmsgpack.pack({
        t.n, t.pending, t.delivered, t.dead, t.cancelled, t.superseded, t.failed, t.filtered, t.coalesced,
        t.gathered, t.deferred,
    })
end

-- So many events went from one line of the ledger to another.
local function tally_moved(from, to, count)
    if from == to then return end
    if from ~= 'pending' then redis.call('HINCRBY', key('ledger'), from, int(-count)) end
    if to ~= 'pending' then redis.call('HINCRBY', key('ledger'), to, int(count)) end
end

-- A tally after a change; the totals follow.
local function tally_changed(packed, change)
    local t = tally_of(cmsgpack.unpack(packed))
    local before = tally_state(t)
    change(t)
    tally_moved(before, tally_state(t), 1)
    return tally_packed(t)
end

-- Changes the tally of an event that is known.
function rare.change_tally(id, event, change)
    local name, place = key('r', id), 'e:' .. event
    local packed = redis.call('HGET', name, place)
    if packed then redis.call('HSET', name, place, tally_changed(packed, change)) end
end

-- The tally of a new event, and its line in the ledger; `n` is its place among those of its receipt.
local function tally_new(n, event)
    local failed, filtered = event.failed or 0, event.filtered or 0
    local gathered, deferred = event.gathered or 0, event.deferred or 0
    local packed = cmsgpack.pack({n, event.deliveries, 0, 0, 0, 0, failed, filtered, 0, gathered, deferred})
    if event.deliveries + failed + gathered + deferred > 0 then return packed, 'pending' end
    return packed, filtered > 0 and 'filtered' or 'unmatched'
end

-- Adds events to the fields and values of a receipt of a source, the first one as its n-th, and to the totals.
local function tally_add(flat, source, events, n)
    local lines = {}
    for i, event in ipairs(events) do
        local packed, line = tally_new(n + i - 1, event)
        flat[#flat + 1] = 'e:' .. event.id
        flat[#flat + 1] = packed
        if line ~= 'pending' then lines[line] = (lines[line] or 0) + 1 end
    end
    redis.call('HINCRBY', key('ledger'), ACCEPTED .. source, int(#events))
    for line, count in pairs(lines) do redis.call('HINCRBY', key('ledger'), line, int(count)) end
end

-- The sources that receipts came from.
function receipt.sources()
    local sources = {}
    for _, line in ipairs(redis.call('HKEYS', key('ledger'))) do
        if is_accepted(line) then sources[#sources + 1] = string.sub(line, #ACCEPTED + 1) end
    end
    return sources
end

-- The fields of a receipt that begin so, unpacked, by what follows that.
local function fields_of(id, beginning)
    local flat, found = redis.call('HGETALL', key('r', id)), {}
    for i = 1, #flat, 2 do
        if string.sub(flat[i], 1, 2) == beginning then
            found[string.sub(flat[i], 3)] = cmsgpack.unpack(flat[i + 1])
        end
    end
    return found
end

-- The values of the tallies of its events, by these; the first is the place of an event.
function receipt.events(id)
    return fields_of(id, 'e:')
end

-- What is known of its deliveries, by these.
function receipt.deliveries(id)
    return fields_of(id, 'd:')
end

function receipt.mark(id)
    return mark(redis.call('HGET', key('r', id), 'n'), id)
end

-- Puts a receipt where retention looks for it, if nothing of it waits.
function rare.shelve(id)
    local row = redis.call('HMGET', key('r', id), 'pending', 'lost', 'state', 'finished')
    redis.call('ZREM', key('over'), id)
    redis.call('ZREM', key('kept'), id)
    if num(row[1]) > 0 then return end
    local is_lost = num(row[2]) > 0 or row[3] == 'failed'
    redis.call('ZADD', key(is_lost and 'kept' or 'over'), row[4], id)
end

-- Adds to the counts of a receipt: { deliveries, pending, lost, finished (an instant) }. Also changes the
-- tally of one of its events, if there is one.
local function count_receipt(id, added, event, change)
    local name, place = key('r', id), event and 'e:' .. event or 'n'
    local row = redis.call('HMGET', name, 'pending', 'lost', 'state', 'finished', 'deliveries', place)
    if not row[1] then return end
    local pending, lost = num(row[1]) + (added.pending or 0), num(row[2]) + (added.lost or 0)
    local finished = row[4]
    if added.finished and added.finished > num(finished) then finished = int(added.finished) end
    local flat = {'pending', int(pending), 'finished', finished}
    if added.lost and added.lost ~= 0 then
        flat[#flat + 1] = 'lost'
        flat[#flat + 1] = int(lost)
    end
    if added.deliveries then
        flat[#flat + 1] = 'deliveries'
        flat[#flat + 1] = int(num(row[5]) + added.deliveries)
    end
    if event and row[6] then
        flat[#flat + 1] = place
        flat[#flat + 1] = tally_changed(row[6], change)
    end
    redis.call('HSET', name, unpack(flat))
    -- What something waited for was not shelved.
    if num(row[1]) == 0 then return rare.shelve(id) end
    if pending > 0 then return end
    redis.call('ZADD', key((lost > 0 or row[3] == 'failed') and 'kept' or 'over'), finished, id)
end

-- Whether it failed, and why; the list of failed ones follows.
function receipt.judge(id, reason)
    local name, member = key('r', id), receipt.mark(id)
    if reason then
        redis.call('HSET', name, 'state', 'failed', 'reason', reason)
        redis.call('ZADD', key('failed'), num(redis.call('HGET', name, 'at')), member)
    else
        redis.call('HSET', name, 'state', 'processed')
        redis.call('HDEL', name, 'reason')
        redis.call('ZREM', key('failed'), member)
    end
end

local LOST = {dead = 1, cancelled = 1}

-- A delivery of these events of a receipt went from one state to another.
function handlers.moved(m)
    local from, to = m.from, m.to
    if m.batch and from == 'delivered' then from = 'coalesced' end
    if m.batch and to == 'delivered' then to = 'coalesced' end
    local function change(t)
        t[from], t[to] = t[from] - 1, t[to] + 1
    end
    count_receipt(m.receipt, {
        pending = to == 'pending' and 1 or -1,
        lost = (LOST[to] or 0) - (LOST[from] or 0),
        finished = to ~= 'pending' and m.now or nil,
    }, m.events[1], change)
    for i = 2, #m.events do rare.change_tally(m.receipt, m.events[i], change) end
end

-- Outcomes of receipts: the first one, and one in place of another, with what follows from them for
-- lanes and batches; receipts that wait for lookups.
--
-- key:<#source>:<source>:<key>  STRING with a time to live: until when (caller's clock), and the receipt
-- deferrals    ZSET: receipts that wait for lookups, by when they are due (also in r:<receipt> as
--              lookups, with tried: how often they were tried)
-- deferred     ZSET: those of them that may be given: no older place of their routes is held, nobody is
--              at work on them; marked ids

local outcome, deferral = {}, {}

local function field(...)
    return table.concat({...}, '\0')
end

-- Gives a receipt's lookups to whoever asks next, or does not.
function deferral.refresh(id)
    local member = receipt.mark(id)
    redis.call('ZREM', key('deferred'), member)
    local at = redis.call('ZSCORE', key('deferrals'), id)
    if not at or loan.runs('deferred', id) then return end
    for _, packed in ipairs(redis.call('HVALS', key('rh', id))) do
        if not cmsgpack.unpack(packed)[3] then return end
    end
    redis.call('ZADD', key('deferred'), at, member)
    call_all('e:deferred')
end

-- Puts lookups off until then (in the time of leases), or notes that none are needed any more (nil).
function deferral.set(id, at, tries)
    local before = redis.call('ZSCORE', key('deferrals'), id)
    if at then
        redis.call('ZADD', key('deferrals'), at, id)
        redis.call('HSET', key('r', id), 'lookups', int(at), 'tried', tries)
    elseif before then
        redis.call('ZREM', key('deferrals'), id)
        redis.call('HDEL', key('r', id), 'lookups', 'tried')
    end
    deferral.refresh(id)
    local change = (at and 1 or 0) - (before and 1 or 0)
    if change ~= 0 then receipt.count(id, {pending = change}) end
end

-- The place that a receipt holds is the first of its route.
function handlers.granted(m)
    local name, place = key('rh', m.receipt), field(m.event, m.route, m.to, m.lane)
    local packed = redis.call('HGET', name, place)
    if not packed then return end
    local part, n, is_first = unpack(cmsgpack.unpack(packed))
    if is_first then return end
    redis.call('HSET', name, place, cmsgpack.pack({part, n, true}))
    deferral.refresh(m.receipt)
end

-- Holds a place behind everything that is there, unless it is held.
local function hold(id, event, h)
    local name, place = key('rh', id), field(event, h.route, h.to, h.lane)
    if redis.call('HEXISTS', name, place) == 1 then return end
    local n = number()
    redis.call('HSET', name, place, cmsgpack.pack({h.part, n}))
    send(h.part, 'hold', {
        from = HERE, receipt = id, event = event, route = h.route, to = h.to, lane = h.lane, place = n,
    })
end

-- Lets those go that are not held any more. `still`: fields of rh.
local function free(id, still)
    local flat, any = redis.call('HGETALL', key('rh', id)), false
    for i = 1, #flat, 2 do
        if not still[flat[i]] then
            local event, route, to, name = string.match(flat[i], '^([^%z]*)%z([^%z]*)%z([^%z]*)%z(.*)$')
            redis.call('HDEL', key('rh', id), flat[i])
            send(cmsgpack.unpack(flat[i + 1])[1], 'free', {
                from = HERE, receipt = id, event = event, route = route, to = to, lane = name,
            })
            any = true
        end
    end
    if any then call_all('e:deferred') end
end

-- Tells the batches of a group from those of others.
local function scope_of(g)
    local parts = {}
    for _, text in ipairs({g.route, g.by, g.key, g.group}) do
        parts[#parts + 1] = int(#text) .. ':' .. text
    end
    return redis.sha1hex(table.concat(parts))
end

-- Puts an event into the batch of its group; 1 if it is in one more batch than before. An event that
-- waits for this route already waits on, with what is known of it now.
local function gather(id, event, g, now)
    local name, place, scope = key('rm', id), field(event, g.route), scope_of(g)
    local packed = redis.call('HGET', name, place)
    local known = packed and cmsgpack.unpack(packed)
    local waits = known and not known.became
    local message = {
        from = HERE, receipt = id, rn = num(redis.call('HGET', key('r', id), 'n')), event = event,
        en = tally.unpack(redis.call('HGET', key('re', id), event)).n, now = now, at = due(now),
        scope = scope, content = blob(g.blob), size = g.size, batch = g.batch, route = g.route, by = g.by,
        key = g.key, group = g.group, quiet = g.quiet, max_wait = g.max_wait, max_events = g.max_events,
        max_bytes = g.max_bytes, alone = g.alone, own = is_own(id) and 1 or nil,
    }
    redis.call('HSET', name, place, cmsgpack.pack({part = g.part, scope = scope, join = g.batch}))
    if waits and known.part == g.part and known.scope == scope then
        send(g.part, 'renew', message)
        return 0
    end
    if waits then
        send(known.part, 'leave', {from = HERE, receipt = id, event = event, route = g.route})
    end
    send(g.part, 'gather', message)
    return waits and 0 or 1
end

-- A batch had been sealed by the time its event was to wait on in it: it waits in one more.
function handlers.rejoined(m)
    receipt.count(m.receipt, {pending = 1})
    tally.change(m.receipt, m.event, function(t) t.gathered = t.gathered + 1 end)
end

-- Notes what became of the batch that an event waits in for a route; whether it still does in that one.
local function became(m, event, join)
    local name, place = key('rm', m.receipt), field(event, m.route)
    local packed = redis.call('HGET', name, place)
    local known = packed and cmsgpack.unpack(packed)
    if not known or known.join ~= join then return false end
    known.became, known.why, known.failure, known.batch = m.became, m.why, m.failure, m.batch
    redis.call('HSET', name, place, cmsgpack.pack(known))
    return true
end

-- A batch with these events is open no more: { receipt, events, joins (of rm, as the batch knows them),
-- route, became (sent | dropped | failed), why, failure (JSON), batch, at (its partition), deliveries (of
-- { id, part, n }), now }. What became of it counts for events that were not gathered anew meanwhile.
function handlers.sealed(m)
    local count, is_failed = #m.deliveries, false
    for _, d in ipairs(m.deliveries) do
        redis.call('HSET', key('rd', m.receipt), d.id, cmsgpack.pack({d.part, m.route, d.n, m.batch, m.at}))
    end
    receipt.count(m.receipt, {deliveries = count, pending = count - #m.events, finished = m.now})
    for i, event in ipairs(m.events) do
        local counts = became(m, event, m.joins[i])
        tally.change(m.receipt, event, function(t)
            t.gathered = t.gathered - 1
            t.pending = t.pending + count
            if counts and m.became == 'dropped' then t.filtered = t.filtered + 1 end
            if counts and m.became == 'failed' then t.failed = t.failed + 1 end
        end)
        is_failed = is_failed or counts and m.became == 'failed'
    end
    if is_failed then
        if redis.call('HGET', key('r', m.receipt), 'state') ~= 'failed' then
            receipt.judge(m.receipt, m.why)
            receipt.shelve(m.receipt)
        end
        notice.failed(m.receipt, m.why, m.now)
    end
end

-- Sends one delivery into its lane, to the place that was held for it if there is one.
local function deliver(id, event, d)
    local n, held = number(), nil
    if d.lane then held = redis.call('HGET', key('rh', id), field(event, d.route, d.to, d.lane)) end
    local packed = redis.call('HGET', key('re', id), event)
    redis.call('HSET', key('rd', id), d.id, cmsgpack.pack({d.part, d.route, n}))
    send(d.part, 'deliver', {
        content = blob(d.blob), body = blob(d.blob + 1),
        row = {
            id = d.id, n = n, place = held and cmsgpack.unpack(held)[2] or n, receipt = id, event = event,
            from = HERE, rn = num(redis.call('HGET', key('r', id), 'n')), en = tally.unpack(packed).n,
            route = d.route, to = d.to, lane = d.lane, created = d.created, due = due(d.created),
            supersede = d.supersede and 1 or nil, own = is_own(id) and 1 or nil,
        },
    })
end

-- Adds deliveries and held places, in the order of events and routes. The tallies have them.
local function add(id, o, joined)
    local count = #o.deliveries
    receipt.count(id, {deliveries = count, pending = count + joined})
    local next_held = 1
    for i = 1, count + 1 do
        while o.held[next_held] and (i > count or o.held[next_held].before < i) do
            local h = o.held[next_held]
            hold(id, o.events[h.event].id, h)
            next_held = next_held + 1
        end
        local d = o.deliveries[i]
        if d then deliver(id, o.events[d.event].id, d) end
    end
end

-- What is told of the first event of an outcome.
local function first_event(id, o)
    local first = o.events[1]
    if not first then return end
    local name = key('r', id)
    redis.call('HDEL', name, 'kind', 'name')
    redis.call('HSET', name, 'type', first.type)
    if first.kind then redis.call('HSET', name, 'kind', first.kind) end
    if first.name then redis.call('HSET', name, 'name', first.name) end
end

local function correlate(id, o)
    local name, all = key('r', id), {}
    for text in string.gmatch(redis.call('HGET', name, 'correlations') or '', '[^\n]+') do all[text] = true end
    for _, event in ipairs(o.events) do
        if event.correlation then all[event.correlation] = true end
    end
    local list = {}
    for text in pairs(all) do list[#list + 1] = text end
    if #list > 0 then redis.call('HSET', name, 'correlations', table.concat(list, '\n') .. '\n') end
end

-- Adds the first outcome of a receipt.
local function write(id, o, now)
    local joined = 0
    for i, event in ipairs(o.events) do tally.add(id, i, event) end
    for _, g in ipairs(o.gathered) do joined = joined + gather(id, o.events[g.event].id, g, now) end
    add(id, o, joined)
end

-- What became of gathered events whose verdicts an outcome keeps as they were.
local function standing(id, event)
    local dropped, failed, why = 0, 0, nil
    for _, route in ipairs(event.standing) do
        local packed = redis.call('HGET', key('rm', id), field(event.id, route))
        local known = packed and cmsgpack.unpack(packed) or {}
        if known.became == 'dropped' then dropped = dropped + 1 end
        if known.became == 'failed' then
            failed, why = failed + 1, why or known.why
        end
    end
    return dropped, failed, why
end

-- An event that the outcome no longer has waits for no replay, unless all of it is a failure: then it
-- waits for one, also if it waited for lookups.
local function forget(id, event, is_failure)
    tally.change(id, event, function(t)
        if is_failure then
            t.failed = t.failed + t.deferred
        else
            t.failed, t.filtered = 0, 0
        end
        t.deferred = 0
    end)
end

-- Replaces the outcome of a receipt; why it counts as failed now (nil: it does not).
local function replace(id, o, now)
    local forgotten, count = {}, 0
    for _, event in ipairs(redis.call('HKEYS', key('re', id))) do
        forgotten[event], count = true, count + 1
    end
    local known = {}
    for _, event in ipairs(o.events) do
        known[event.id] = forgotten[event.id]
        forgotten[event.id] = nil
        if not known[event.id] then
            count = count + 1
            tally.add(id, count, event)
        end
    end
    local joined, joins = 0, {}
    for _, g in ipairs(o.gathered) do
        local event = o.events[g.event].id
        local more = gather(id, event, g, now)
        joins[event] = (joins[event] or 0) + more
        joined = joined + more
    end
    local reason = o.reason
    for _, event in ipairs(o.events) do
        if known[event.id] then
            local dropped, failed, why = standing(id, event)
            reason = reason or why
            tally.change(id, event.id, function(t)
                t.pending = t.pending + event.deliveries
                t.gathered = t.gathered + (joins[event.id] or 0)
                t.failed, t.filtered = event.failed + failed, event.filtered + dropped
                t.deferred = event.deferred
            end)
        end
    end
    for event in pairs(forgotten) do forget(id, event, o.is_failure) end
    add(id, o, joined)
    local still = {}
    for _, h in ipairs(o.held) do still[field(o.events[h.event].id, h.route, h.to, h.lane)] = true end
    free(id, still)
    redis.call('HSET', key('r', id), 'events', count)
    return reason
end

-- The delivery of an outcome that is known already, or nil.
local function known_delivery(id, o)
    for _, d in ipairs(o.deliveries) do
        if redis.call('HEXISTS', key('rd', id), d.id) == 1 or redis.call('EXISTS', key('d', d.id)) == 1 then
            return d.id
        end
    end
    return nil
end

-- Remembers the key of a receipt. The text decides; the time to live only frees the memory, not before.
local function keep_key(name, id, expires, window)
    redis.call('SET', name, int(expires) .. ' ' .. id, 'PX', int(window / 1000 + 60000))
end

-- The receipt that a key is remembered for at an instant, or nil.
local function first_of(name, at)
    local known = redis.call('GET', name)
    if not known then return nil end
    local expires, first = string.match(known, '^(%S+) (%S+)$')
    return tonumber(expires) > at and first or nil
end

-- Remembers the key of a receipt that need not be here, unless it is remembered; 1 if it was not.
function ops.remember()
    local name = key('key', int(#A.source), A.source, A.key)
    if first_of(name, A.now) then return 0 end
    keep_key(name, A.id, A.expires, A.expires - A.now)
    return 1
end

-- Writes a receipt with its outcome, unless its key is remembered. Answers the first receipt's id then.
function ops.accept()
    local r, o = A.receipt, A.outcome
    local remembered = r.key and key('key', int(#r.source), r.source, r.key)
    local first = remembered and first_of(remembered, r.at)
    if first then
        if redis.call('EXISTS', key('r', first)) == 1 then
            redis.call('HINCRBY', key('r', first), 'duplicates', 1)
        end
        return first
    end
    if redis.call('EXISTS', key('r', r.id)) == 1 then
        return refuse('conflict', 'the receipt ' .. r.id .. ' is known')
    end
    local taken = known_delivery(r.id, o)
    if taken then return refuse('conflict', 'the delivery ' .. taken .. ' is known') end

    local n = number()
    put(key('r', r.id), {
        n = n, source = r.source, at = r.at, state = o.state, reason = o.reason, events = #o.events,
        deliveries = 0, duplicates = 0, replays = 0, turn = 0, pending = 0, lost = 0, finished = r.at,
    })
    redis.call('HSET', key('rb', r.id), 'content', blob(1), 'body', blob(2), 'outcome', blob(o.blob))
    redis.call('ZADD', key('receipts'), r.at, mark(n, r.id))
    redis.call('ZADD', key('of', r.source), r.at, mark(n, r.id))
    purge.count(n, 1)
    if o.state == 'failed' then redis.call('ZADD', key('failed'), r.at, mark(n, r.id)) end
    if remembered then keep_key(remembered, r.id, r.expires, r.window) end
    first_event(r.id, o)
    correlate(r.id, o)
    write(r.id, o, r.at)
    if o.deferred then deferral.set(r.id, due(r.at), 0) end
    if o.reason then notice.failed(r.id, o.reason, r.at) end
    return ''
end

local function update(id, o, reason)
    redis.call('HSET', key('rb', id), 'outcome', blob(o.blob))
    redis.call('HINCRBY', key('r', id), 'turn', 1)
    first_event(id, o)
    correlate(id, o)
    receipt.judge(id, reason)
    receipt.count(id, {finished = A.now})
end

-- Replaces the outcome of a receipt and adds what is new.
function ops.replay()
    local row = hash(key('r', A.id))
    if not row then return refuse('missing', 'receipt ' .. A.id) end
    if num(row.turn) ~= A.seen then
        return refuse('conflict', A.id
            .. ' was replayed meanwhile, or its lookups were made: look what came of it first')
    end
    local taken = known_delivery(A.id, A.outcome)
    if taken then return refuse('conflict', 'the delivery ' .. taken .. ' is known') end
    -- Who makes its lookups makes them for an outcome that is no more.
    loan.finish('deferred', A.id)
    local reason = replace(A.id, A.outcome, A.now)
    redis.call('HINCRBY', key('r', A.id), 'replays', 1)
    update(A.id, A.outcome, reason)
    if A.outcome.deferred then deferral.set(A.id, T, 0) else deferral.set(A.id, nil) end
    if reason then notice.failed(A.id, reason, A.now) end
end

-- The same with an outcome that knows more, which is no replay.
function ops.resolve()
    local row = hash(key('r', A.id))
    if not row then return refuse('missing', 'receipt ' .. A.id) end
    local known = loan.of('deferred', A.id)
    if not row.lookups or num(row.turn) ~= A.seen or not known or known.token ~= A.token then
        return refuse('lost', A.id)
    end
    local taken = known_delivery(A.id, A.outcome)
    if taken then return refuse('conflict', 'the delivery ' .. taken .. ' is known') end
    loan.finish('deferred', A.id)
    local reason = replace(A.id, A.outcome, A.now)
    update(A.id, A.outcome, reason)
    local at = A.outcome.deferred and due(A.again) or nil
    deferral.set(A.id, at, num(row.tried) + 1)
    -- A failure that stood there before was told.
    if reason and not (row.state == 'failed' and row.reason == reason) then
        notice.failed(A.id, reason, A.now)
    end
end

-- Receipts whose lookups are due: at most so many as marked ids, each with when it is due, the oldest due
-- first; and when to ask again.
local function due_lookups(limit)
    for _, id in ipairs(loan.over('deferred')) do deferral.refresh(id) end
    hush()
    local found, next_due = due_of(key('deferred'), limit)
    return found, earlier(loan.first_end('deferred'), next_due)
end

-- When those are due that are due by now; then when to ask again.
function ops.deferring()
    local found, next_due = due_lookups(A.limit)
    for i, one in ipairs(found) do found[i] = {told(one.due), one.member} end
    return {found, told(next_due)}
end

-- Leases receipts whose lookups are due: when that was, the mark, the id and the token of each; then when
-- to ask again.
function ops.deferred()
    local found, next_due = due_lookups(A.limit)
    for i, one in ipairs(found) do
        redis.call('ZREM', one.set, one.member)
        found[i] = {told(one.due), one.member, one.id, loan.give('deferred', one.id)}
    end
    return {found, told(next_due)}
end

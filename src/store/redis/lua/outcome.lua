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
        at = int(at)
        redis.call('ZADD', key('deferrals'), at, id)
        redis.call('HSET', key('r', id), 'lookups', at, 'tried', int(tries))
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
    redis.call('HSET', name, place, cmsgpack.pack({h.part, h.n}))
    send(h.part, 'hold', {
        from = HERE, receipt = id, event = event, route = h.route, to = h.to, lane = h.lane, place = h.n,
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
-- waits for this route already waits on, with what is known of it now. `about`: see `follow`.
local function gather(about, event, g, now)
    local id, scope = about.id, scope_of(g)
    local name, place = key('rm', id), field(event, g.route)
    local packed = redis.call('HGET', name, place)
    local known = packed and cmsgpack.unpack(packed)
    local waits = known and not known.became
    local message = {
        from = HERE, receipt = id, rn = about.n, event = event, en = about.places[event], now = now,
        at = due(now), scope = scope, content = blob(g.blob), size = g.size, batch = g.batch,
        route = g.route, by = g.by, key = g.key, group = g.group, quiet = g.quiet, max_wait = g.max_wait,
        max_events = g.max_events, max_bytes = g.max_bytes, alone = g.alone, own = about.own,
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
    local name, count, is_failed = key('r', m.receipt), #m.deliveries, false
    if redis.call('EXISTS', name) == 0 then return end
    for _, d in ipairs(m.deliveries) do
        redis.call('HSET', name, 'd:' .. d.id, cmsgpack.pack({d.part, m.route, d.n, m.batch, m.at}))
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
        if redis.call('HGET', name, 'state') ~= 'failed' then
            receipt.judge(m.receipt, m.why)
            receipt.shelve(m.receipt)
        end
        notice.failed(m.receipt, m.why, m.now)
    end
end

-- Sends one delivery into its lane, to the place that was held for it if there is one.
local function deliver(about, event, d)
    local place = d.n
    if d.lane and about.may_hold then
        local held = redis.call('HGET', key('rh', about.id), field(event, d.route, d.to, d.lane))
        place = held and cmsgpack.unpack(held)[2] or place
    end
    send(d.part, 'deliver', {
        content = blob(d.blob), body = blob(d.blob + 1),
        row = {
            id = d.id, n = int(d.n), place = int(place), receipt = about.id, event = event, from = int(HERE),
            rn = int(about.n), en = int(about.places[event]), route = d.route, to = d.to, lane = d.lane,
            created = int(d.created), due = int(due(d.created)), supersede = d.supersede and '1' or nil,
            own = about.own,
        },
    })
end

-- The deliveries and held places of an outcome in the order of events and routes, each with its number.
local function line_up(o)
    local line, next_held = {}, 1
    for i = 1, #o.deliveries + 1 do
        while o.held[next_held] and (i > #o.deliveries or o.held[next_held].before < i) do
            line[#line + 1] = o.held[next_held]
            next_held = next_held + 1
        end
        line[#line + 1] = o.deliveries[i]
    end
    for _, one in ipairs(line) do one.n = number() end
    return line
end

-- What a receipt knows of its deliveries, as fields and values.
local function add_known(flat, o)
    for _, d in ipairs(o.deliveries) do
        flat[#flat + 1] = 'd:' .. d.id
        flat[#flat + 1] = cmsgpack.pack({d.part, d.route, d.n})
    end
end

-- Sends what was lined up; its receipt knows and counts it. `about`: { id, n (its number), own (of the gateway's
-- own source), places (event -> its place), may_hold (places may have been held before) }.
local function follow(about, o, line)
    for _, one in ipairs(line) do
        local event = o.events[one.event].id
        if one.before then hold(about.id, event, one) else deliver(about, event, one) end
    end
end

-- What is told of the first event of an outcome.
local function headline(o)
    local first = o.events[1]
    return first and {type = first.type, kind = first.kind, name = first.name}
end

-- The correlations of an outcome and those that were known, each on a line; nil: none.
local function correlations(o, known)
    local all, list = {}, {}
    for text in string.gmatch(known or '', '[^\n]+') do all[text] = true end
    for _, event in ipairs(o.events) do
        if event.correlation then all[event.correlation] = true end
    end
    for text in pairs(all) do list[#list + 1] = text end
    return #list > 0 and table.concat(list, '\n') .. '\n' or nil
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

-- Replaces the outcome of a receipt, whose fields are these; why it counts as failed now (nil: it does not).
local function replace(row, o, now)
    local id = A.id
    local about = {
        id = id, n = num(row.n), own = row.source == A.own and '1' or nil, places = {}, may_hold = true,
    }
    local forgotten, known, fresh, count = {}, {}, {}, 0
    for event, values in pairs(receipt.events(id)) do
        forgotten[event], about.places[event], count = true, values[1], count + 1
    end
    local before = count
    for _, event in ipairs(o.events) do
        known[event.id] = forgotten[event.id]
        forgotten[event.id] = nil
        if not known[event.id] then
            count = count + 1
            about.places[event.id] = count
            fresh[#fresh + 1] = 'e:' .. event.id
            fresh[#fresh + 1] = tally.new(count, event)
        end
    end
    tally.accepted(count - before)
    local line = line_up(o)
    add_known(fresh, o)
    call_with('HSET', key('r', id), fresh)
    local joined, joins = 0, {}
    for _, g in ipairs(o.gathered) do
        local event = o.events[g.event].id
        local more = gather(about, event, g, now)
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
    receipt.count(id, {deliveries = #o.deliveries, pending = #o.deliveries + joined})
    follow(about, o, line)
    local still = {}
    for _, h in ipairs(o.held) do still[field(o.events[h.event].id, h.route, h.to, h.lane)] = true end
    free(id, still)
    redis.call('HSET', key('r', id), 'events', int(count))
    return reason
end

-- The delivery of an outcome that is known already, or nil.
local function known_delivery(id, o)
    for _, d in ipairs(o.deliveries) do
        if redis.call('HEXISTS', key('r', id), 'd:' .. d.id) == 1 or redis.call('EXISTS', key('d', d.id)) == 1 then
            return d.id
        end
    end
    return nil
end

-- The receipt that a key is remembered for at an instant, or nil.
local function first_of(name, at)
    local known = redis.call('GET', name)
    if not known then return nil end
    local expires, first = string.match(known, '^(%S+) (%S+)$')
    return tonumber(expires) > at and first or nil
end

-- Remembers the key of a receipt at an instant, unless it is remembered: for which one. The text decides; the time
-- to live only frees the memory, not before.
local function keep_key(name, id, expires, at)
    local text, life = int(expires) .. ' ' .. id, int(math.floor((expires - at) / 1000) + 60000)
    if redis.call('SET', name, text, 'PX', life, 'NX') then return nil end
    local first = first_of(name, at)
    if not first then redis.call('SET', name, text, 'PX', life) end
    return first
end

local function key_name(source, text)
    return key('key', #source .. ':' .. source .. ':' .. text)
end

-- Remembers the key of a receipt that need not be here, unless it is remembered; 1 if it was not.
function ops.remember()
    return keep_key(key_name(A.source, A.key), A.id, A.expires, A.now) and 0 or 1
end

-- Whether a new receipt or one of its deliveries is here.
local function is_known(r, o)
    local names = {key('r', r.id)}
    for i, d in ipairs(o.deliveries) do names[i + 1] = key('d', d.id) end
    for i = 1, #names, 2000 do
        if redis.call('EXISTS', unpack(names, i, math.min(i + 1999, #names))) > 0 then return true end
    end
    return false
end

-- Refuses what is known, unless it came before by its key: the id of the first one then.
local function known_before(r, o, remembered)
    local first = remembered and first_of(remembered, r.at)
    if first then return first end
    if redis.call('EXISTS', key('r', r.id)) == 1 then
        return refuse('conflict', 'the receipt ' .. r.id .. ' is known')
    end
    return refuse('conflict', 'the delivery ' .. known_delivery(r.id, o) .. ' is known')
end

-- Writes a receipt with what follows from its outcome, which it counts already.
local function write(about, r, o, line)
    local at, pending = int(r.at), #o.deliveries + #o.gathered
    local row = headline(o) or {}
    row.n, row.source, row.at, row.finished, row.state, row.reason = int(about.n), r.source, at, at, o.state, o.reason
    row.events, row.deliveries, row.pending = int(#o.events), int(#o.deliveries), int(pending)
    row.duplicates, row.replays, row.turn, row.lost = '0', '0', '0', '0'
    row.correlations = correlations(o)
    local flat = {}
    for field, value in pairs(row) do
        flat[#flat + 1] = field
        flat[#flat + 1] = value
    end
    for i, event in ipairs(o.events) do
        about.places[event.id] = i
        flat[#flat + 1] = 'e:' .. event.id
        flat[#flat + 1] = tally.new(i, event)
    end
    add_known(flat, o)
    tally.accepted(#o.events)
    call_with('HSET', key('r', r.id), flat)
    redis.call('HSET', key('rb', r.id), 'content', blob(1), 'body', blob(2), 'outcome', blob(o.blob))
    local member = mark(about.n, r.id)
    redis.call('ZADD', key('receipts'), at, member)
    redis.call('ZADD', key('of', r.source), at, member)
    if o.state == 'failed' then redis.call('ZADD', key('failed'), at, member) end
    if pending == 0 then redis.call('ZADD', key(o.state == 'failed' and 'kept' or 'over'), at, r.id) end
    purge.count(about.n, 1)
    for _, g in ipairs(o.gathered) do gather(about, o.events[g.event].id, g, r.at) end
    follow(about, o, line)
end

-- Writes a receipt with its outcome, unless its key is remembered. Answers the first receipt's id then.
function ops.accept()
    local r, o = A.receipt, A.outcome
    local first, remembered = nil, r.key and key_name(r.source, r.key)
    if is_known(r, o) then
        first = known_before(r, o, remembered)
    elseif remembered then
        first = keep_key(remembered, r.id, r.expires, r.at)
    end
    if first then
        if type(first) == 'table' then return first end
        if redis.call('EXISTS', key('r', first)) == 1 then
            redis.call('HINCRBY', key('r', first), 'duplicates', '1')
        end
        return first
    end
    local about = {
        id = r.id, n = number(), own = r.source == A.own and '1' or nil, places = {}, may_hold = #o.held > 0,
    }
    write(about, r, o, line_up(o))
    if o.deferred then deferral.set(r.id, due(r.at), 0) end
    if o.reason then notice.failed(r.id, o.reason, r.at) end
    return ''
end

local function update(id, o, reason)
    local name, first = key('r', id), headline(o)
    redis.call('HSET', key('rb', id), 'outcome', blob(o.blob))
    redis.call('HINCRBY', name, 'turn', '1')
    if first then
        redis.call('HDEL', name, 'kind', 'name')
        put(name, first)
    end
    local all = correlations(o, redis.call('HGET', name, 'correlations'))
    if all then redis.call('HSET', name, 'correlations', all) end
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
    local reason = replace(row, A.outcome, A.now)
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
    local reason = replace(row, A.outcome, A.now)
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
    local over, first_end = loan.over('deferred')
    for _, id in ipairs(over) do deferral.refresh(id) end
    hush()
    local found, next_due = due_of(key('deferred'), limit)
    return found, earlier(first_end, next_due)
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
